import type { ModelFacts } from '../../src/planner/model-facts.ts'
import { countParameters } from '../../src/planner/model-facts.ts'

/** What ENOVA's cold-start recommendation sets; everything else stays at vLLM's defaults. */
export interface EnovaAdvice {
  readonly maxSequences: number
  readonly tensorParallel: number
  readonly memoryShare: number
}

const gibi = 2 ** 30
/** Bytes of cache a token by size of model, in billions of parameters. */
const tokenSizes = [
  [7, 262_144],
  [13, 409_600],
  [70, 1_310_720],
] as const
const sequenceChoices = [8, 16, 32, 64, 128, 256, 512, 1024] as const
const shareChoices = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const

/**
 * `llm_config_recommendations` of ENOVA 0.1 as its code does it, from its description: size of the model and memory of
 * the device only; 2 bytes a weight whatever the precision; a cache for one sequence of 8192. Null where it says None.
 */
export function enovaAdvice(
  model: ModelFacts,
  deviceBytes: number,
  devices: number,
): EnovaAdvice | null {
  const billions = countParameters(model).total / 1e9
  const parameters = Math.round(billions) * gibi
  const maxSequences = nearest(sequenceChoices, (256 * 7 * gibi) / parameters)
  const tokenSize = tokenSizes.reduce((best, one) =>
    Math.abs(one[0] - billions) < Math.abs(best[0] - billions) ? one : best,
  )[1]
  const needed = (parameters + tokenSize * 8192) * 2 + 3 * gibi
  const heads = /llama-2|llama-7b|mistral-7b|qwen-?7b/i.test(model.name) ? model.heads : 8
  const each = 0.9 * Math.round(deviceBytes / gibi) * gibi
  for (let tensorParallel = 1; tensorParallel <= devices; tensorParallel++) {
    if (heads % tensorParallel !== 0 || tensorParallel * each * 0.9 <= needed) continue
    const memoryShare = shareChoices.find((share) => share * tensorParallel * each > needed)
    if (memoryShare !== undefined) return { maxSequences, tensorParallel, memoryShare }
  }
  return null
}

const nearest = (choices: readonly number[], wanted: number): number =>
  choices.reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best))
