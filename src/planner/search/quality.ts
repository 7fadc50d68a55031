import type { Kernel } from '../kernel-precision.ts'
import type { ModelFacts } from '../model-facts.ts'

/** What a precision costs in quality, as a share of the published model's scores: null where nobody has measured it. */
export interface Quality {
  readonly loss: number | null
  readonly source: string
}

interface Measured {
  readonly model: RegExp
  readonly weights: Kernel
  readonly loss: number
  readonly source: string
}

const kurtic = 'Kurtic et al., arXiv 2411.02355, 500,000 evaluations of Llama 3.1'

/** Only what a named source has measured for the model itself. Upper ends of ranges. */
const measured: readonly Measured[] = [
  { model: /^Llama-3\.1-/, weights: 'fp8', loss: 0, source: `${kurtic}: "effectively lossless"` },
  {
    model: /^Llama-3\.1-/,
    weights: 'int8',
    loss: 0.03,
    source: `${kurtic}: 1-3 % when well tuned`,
  },
  {
    model: /^Llama-3\.1-/,
    weights: 'int4',
    loss: 0.03,
    source: `${kurtic}: weight-only, rivals INT8 and its 1-3 %`,
  },
  {
    model: /^Llama-3\.1-8B/,
    weights: 'nvfp4',
    loss: 0.062,
    source: 'arXiv 2509.23202, model card: 78.9 to 74.0 on average, rounded to nearest',
  },
  {
    model: /^Qwen3-8B$/,
    weights: 'fp8',
    loss: 0.002,
    source: 'silybench-data, 2026-09-24, vLLM 0.30: mean of six evaluations 74.8 to 74.7',
  },
  {
    model: /^Qwen3-8B$/,
    weights: 'nvfp4',
    loss: 0.04,
    source: 'ISTA-DASLab/Qwen3-8B-FPQuant-QAT-NVFP4, model card: 77.5 to 74.4, rounded to nearest',
  },
  {
    model: /^Qwen3-32B$/,
    weights: 'fp8',
    loss: 0.009,
    source: 'aimultiple.com/llm-quantization: MMLU-Pro 70.24 to 69.64, 12,000 questions',
  },
]

export function qualityOf(
  model: ModelFacts,
  weights: Kernel,
  kvPrecision: 'bf16' | 'fp8',
): Quality {
  const ofWeights = qualityOfWeights(model, weights)
  if (kvPrecision === 'bf16') return ofWeights
  if (!/^(Llama-3|Qwen3-)/.test(model.name))
    return { loss: null, source: `no published measurement of an FP8 cache for ${model.name}` }
  return together(ofWeights, {
    loss: cacheLoss,
    source: 'FP8 cache: vLLM blog, The State of FP8 KV-Cache: 94-99 % of the scores',
  })
}

function qualityOfWeights(model: ModelFacts, weights: Kernel): Quality {
  const { nativePrecision } = model
  if (weights === nativePrecision) return { loss: 0, source: 'the precision it is published in' }
  if (weights === 'bf16') return { loss: 0, source: 'wider than the precision it is published in' }
  const found = measured.find((one) => one.weights === weights && one.model.test(model.name))
  return found ?? { loss: null, source: `no published measurement for ${model.name}` }
}

/** The lower end of what an 8-bit cache kept of the scores of Llama and Qwen3. */
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
