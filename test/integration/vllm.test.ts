import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DeploymentView, ReplicaView } from '../../src/contract/deployment.ts'
import { engineContract } from '../../src/engines/engine.contract.ts'
import { findEngine } from '../../src/engines/index.ts'
import { serve, until, type Serving } from '../e2e/serving.ts'
import { writeHuggingFaceModel } from './support/hugging-face-model.ts'
import { vllmProgram } from './support/vllm.ts'

const program = vllmProgram()
/** So much as a small model needs, and nothing compiled. */
const small = [
  '--engine=vllm',
  '--set=sequencesMax=4',
  '--set=compileLevel=0',
  '--set=environment.VLLM_CPU_KVCACHE_SPACE=1',
]
/** A busy machine takes minutes to load that much Python. */
const startMs = 600_000

describe.skipIf('missing' in program)(
  `vLLM on a CPU${'missing' in program ? ` (skipped: ${program.missing})` : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'baleen-vllm-'))
    const model = join(folder, 'minimind')
    let serving: Serving

    beforeAll(async () => {
      writeHuggingFaceModel(model)
      const vllm = { program: 'path' in program ? program.path : '' }
      serving = await serve({ config: { engines: { vllm }, deployments: [] } })
      const words = [model, '--name=mini', ...small, '--set=contextTokens=2048']
      const { code, stderr } = await serving.baleen('deploy', ...words)
      expect(stderr).not.toContain('not honoured')
      expect(code).toBe(0)
    }, startMs)
    afterAll(async () => {
      await serving?.close()
      rmSync(folder, { recursive: true, force: true })
    })

    const deployment = async (name: string): Promise<DeploymentView> =>
      (await (await serving.api('GET', `/deployments/${name}`)).json()) as DeploymentView
    const replica = async (): Promise<ReplicaView> => (await deployment('mini')).replicas[0]!
    const longStory = {
      model: 'mini',
      messages: [{ role: 'user' as const, content: 'Tell me a long story' }],
      max_completion_tokens: 150,
      stream: true as const,
      ignore_eos: true,
    }
    const story = () => serving.openai().chat.completions.create(longStory)

    engineContract(
      'vLLM',
      { ...findEngine('vllm'), tasks: ['generate'] },
      async () => ({ url: (await replica()).url ?? '' }),
      { isOurs: false },
    )

    it('answers through the gateway, and tells its load', async () => {
      const answer = await serving.openai().chat.completions.create({
        model: 'mini',
        messages: [{ role: 'user', content: 'What is the capital of France?' }],
        temperature: 0,
      })
      expect(answer.choices[0]?.message.content).toContain('Paris')
      const [one, other] = await Promise.all([story(), story()])
      await until('both run', async () => (await replica()).load?.running === 2, 20_000)
      one.controller.abort()
      other.controller.abort()
      await until('none runs', async () => (await replica()).load?.running === 0, 20_000)
    })

    it(
      'says why it does not start',
      async () => {
        const words = [model, '--name=long', ...small, '--set=contextTokens=40000', '--no-wait']
        await serving.baleen('deploy', ...words)
        await until(
          'an explanation',
          async () => (await deployment('long')).status.includes('made for 32768 tokens'),
          startMs,
        )
        await serving.api('DELETE', '/deployments/long')
      },
      startMs,
    )

    it('finishes what it writes before it ends', async () => {
      const stream = await story()
      const chunks = stream[Symbol.asyncIterator]()
      await chunks.next()
      await serving.api('POST', '/deployments/mini/scale', { replicas: 0 })
      let count = 0
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) count++
      expect(count).toBeGreaterThan(100)
      await until('its end', async () => (await deployment('mini')).replicas.length === 0, 90_000)
    }, 200_000)
  },
)
