import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { ReplicaView } from '../../src/contract/deployment.ts'
import { engineContract } from '../../src/engines/engine.contract.ts'
import { findEngine } from '../../src/engines/index.ts'
import { serve, type Serving } from '../e2e/serving.ts'
import { writeHuggingFaceModel } from './support/hugging-face-model.ts'
import { vllmProgram } from './support/vllm.ts'

const program = vllmProgram()
/** So much as a small model needs, and nothing compiled. */
const small = [
  '--engine=vllm',
  '--set=contextTokens=2048',
  '--set=sequencesMax=4',
  '--set=compileLevel=0',
  '--set=environment.VLLM_CPU_KVCACHE_SPACE=1',
]

describe.skipIf('missing' in program)(
  `vLLM on a CPU${'missing' in program ? ` (skipped: ${program.missing})` : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'baleen-vllm-'))
    const model = join(folder, 'minimind')
    let serving: Serving

    beforeAll(async () => {
      writeHuggingFaceModel(model)
      const vllm = { program: 'path' in program ? program.path : '' }
      serving = await serve({ config: { engines: { vllm } } })
      const { code, stderr } = await serving.baleen('deploy', model, '--name=mini', ...small)
      expect(stderr).not.toContain('not honoured')
      expect(code).toBe(0)
    }, 600_000)
    afterAll(async () => {
      await serving?.close()
      rmSync(folder, { recursive: true, force: true })
    })

    const replica = async (): Promise<ReplicaView> => {
      const answer = await serving.api('GET', '/deployments/mini')
      return ((await answer.json()) as { replicas: ReplicaView[] }).replicas[0]!
    }
    engineContract('vLLM', { ...findEngine('vllm'), tasks: ['generate'] }, async () => {
      const { url } = await replica()
      return { url: url ?? '' }
    })
  },
)
