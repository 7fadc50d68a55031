import type { Kernel } from '../kernel-precision.ts'
import type { ModelFacts } from '../model-facts.ts'
import { measuredQuality } from './measured-quality.ts'

/** What a precision costs in quality, as a share of the published model's scores: null where nobody has measured it. */
export interface Quality {
  readonly loss: number | null
  readonly source: string
}

/** `isGguf`: in the formats of llama.cpp, which round otherwise than what the sources measured. */
export function qualityOf(
  model: ModelFacts,
  weights: Kernel,
  kvPrecision: 'bf16' | 'fp8',
  isGguf = false,
): Quality {
  if (isGguf && (kvPrecision === 'fp8' || !isLossless(model, weights)))
    return { loss: null, source: `no published measurement of ${model.name} as GGUF` }
  const ofWeights = qualityOfWeights(model, weights)
  if (kvPrecision === 'bf16') return ofWeights
  if (!/^(Llama-3|Qwen3-)/.test(model.name))
    return { loss: null, source: `no published measurement of an FP8 cache for ${model.name}` }
  return together(ofWeights, {
    loss: cacheLoss,
    source:
      'FP8 cache: vLLM blog, The State of FP8 KV-Cache, 2026-04-22: Llama, Qwen3 and mixtures of experts keep 94-99 %',
  })
}

const isLossless = ({ nativePrecision }: ModelFacts, weights: Kernel): boolean =>
  weights === nativePrecision || weights === 'bf16'

function qualityOfWeights(model: ModelFacts, weights: Kernel): Quality {
  const { nativePrecision } = model
  if (weights === nativePrecision) return { loss: 0, source: 'the precision it is published in' }
  if (weights === 'bf16') return { loss: 0, source: 'wider than the precision it is published in' }
  const found = measuredQuality.find((one) => one.weights === weights && one.model === model.name)
  return found ?? { loss: null, source: `no published measurement for ${model.name}` }
}

/** The lower end of what an 8-bit cache kept of the scores of these families: the source names no model's own. */
const cacheLoss = 0.06

/** Two losses, one upon the other; unknown where either is. */
export const together = (one: Quality, other: Quality): Quality => ({
  loss: one.loss === null || other.loss === null ? null : 1 - (1 - one.loss) * (1 - other.loss),
  source: `${one.source}; ${other.source}`,
})

/** What goes without asking: as published, or measured to lose at most a hundredth. */
export const defaultMinQuality = 0.99

/** 0 takes everything, unknown loss included; above it a loss has to be known. */
export const isGoodEnough = ({ loss }: Quality, minQuality: number): boolean =>
  minQuality <= 0 || (loss !== null && 1 - loss >= minQuality)
