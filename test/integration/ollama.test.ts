import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeploymentView } from '../../src/contract/deployment.ts'
import { engineContract } from '../../src/engines/engine.contract.ts'
import { findEngine } from '../../src/engines/index.ts'
import { serve, type Serving } from '../e2e/serving.ts'
import { has } from './support/tools.ts'

/** A GGUF file with a chat template that Ollama knows; it reads none that it does not. */
const model = process.env['BALEEN_OLLAMA_MODEL']
const missing = !has('ollama')
  ? 'ollama is not on the PATH'
  : model === undefined
    ? 'BALEEN_OLLAMA_MODEL names no GGUF file'
    : null

describe.skipIf(missing !== null)(
  `Ollama${missing === null ? '' : ` (skipped: ${missing})`}`,
  () => {
    const store = mkdtempSync(join(tmpdir(), 'baleen-ollama-'))
    let serving: Serving

    beforeAll(async () => {
      serving = await serve({ config: { deployments: [] } })
      const { code, stderr } = await serving.baleen(
        'deploy',
        model ?? '',
        '--name=tiny',
        '--engine=ollama',
        '--set=gpu=off',
        '--set=contextTokens=1024',
        `--set=environment.OLLAMA_MODELS=${store}`,
      )
      expect(stderr).not.toContain('not honoured')
      expect(code).toBe(0)
    }, 300_000)
    afterAll(async () => {
      await serving?.close()
      rmSync(store, { recursive: true, force: true })
    })

    engineContract(
      'Ollama',
      { ...findEngine('ollama'), tasks: ['generate'] },
      async () => {
        const answer = await serving.api('GET', '/deployments/tiny')
        const { replicas } = (await answer.json()) as DeploymentView
        return { url: replicas[0]?.url ?? '', model: 'tiny', healthPath: '/v1/models/tiny' }
      },
      { isOurs: false },
    )

    it('answers through the gateway', async () => {
      const answer = await serving.openai().chat.completions.create({
        model: 'tiny',
        messages: [{ role: 'user', content: 'What is the capital of France?' }],
        temperature: 0,
        max_completion_tokens: 24,
      })
      expect(answer.choices[0]?.message.content).toContain('Paris')
    })
  },
)
