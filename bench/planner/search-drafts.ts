import { engineModels } from '../../src/engines/models.ts'
import { acceptanceOf } from '../../src/planner/speculation/acceptance.ts'
import { chain } from '../../src/planner/speculation/speculation.ts'
import { resolveAccelerator } from '../../src/planner/accelerators/resolve-accelerator.ts'
import { nativeKernel, precisionOf } from '../../src/planner/kernel-precision.ts'
import { steadyState } from '../../src/planner/load/steady-state.ts'
import { resolveModel } from '../../src/planner/models/resolve-model.ts'

/** Model, tokens a second of one stream without and with drafts, tokens a step: AngelSlim, H20, vLLM 0.11.2, means. */
const published = [
  ['qwen3-1.7b', 381.05, 642.93, 2.17],
  ['qwen3-4b', 233.26, 386.94, 2.08],
  ['qwen3-8b', 151.81, 257.52, 1.99],
  ['qwen3-14b', 93.26, 145.33, 1.79],
  ['qwen3-32b', 43.32, 74.1, 1.91],
  ['qwen3-30b-a3b', 320.87, 438.07, 2.04],
] as const

export interface DraftScore {
  readonly model: string
  /** Times as fast as without drafts. */
  readonly measured: number
  readonly foreseen: number
}

/** What drafts gained where somebody measured both sides, beside what the model of a drafted step says. */
export function scoreDrafts(): DraftScore[] {
  const engine = engineModels.find(({ name }) => name === 'vllm')
  const device = resolveAccelerator('h20')
  if (!engine || !device) throw new RangeError('no vLLM on H20')
  return published.map(([name, plain, drafted, tokens]) => {
    const model = resolveModel(name)
    if (!model) throw new RangeError(name)
    const layout = {
      model,
      device,
      precision: precisionOf(model, nativeKernel(model), 2),
      tp: 1,
      pp: 1,
      dp: 1,
      ep: 1,
    }
    const tpotMs = (isDrafted: boolean) =>
      steadyState({
        layout,
        engine,
        version: '0.11.2',
        replicas: 1,
        isl: 200,
        osl: 1024,
        prefixShare: 0,
        load: { kind: 'closed', concurrency: 1 },
        maxSequences: null,
        batchedTokens: null,
        memoryShare: null,
        speculation: isDrafted
          ? {
              method: 'eagle',
              ...chain(2),
              acceptance: acceptanceOf(tokens, 2),
              model: null,
              weights: null,
              source: '',
            }
          : null,
      }).tpotMs
    return { model: name, measured: drafted / plain, foreseen: tpotMs(false) / tpotMs(true) }
  })
}
