import type { ModelFacts } from './model-facts.ts'

/** What the matrix units multiply: weights and activations as the kernel sees them. */
export type Kernel = 'bf16' | 'fp8' | 'int8' | 'int4' | 'nvfp4' | 'mxfp4'

/** Bytes a weight takes, scales included: 16 or 32 weights share one. */
export const weightBytes: Readonly<Record<Kernel, number>> = {
  bf16: 2,
  fp8: 1,
  int8: 1,
  int4: 0.53,
  nvfp4: 0.5625,
  mxfp4: 0.53,
}

/** Precision of each part of a model. */
export interface Precision {
  /** Attention projections and dense feed-forward. */
  readonly dense: Kernel
  readonly experts: Kernel
  readonly head: Kernel
  readonly kvBytes: number
}

/**
 * What a checkpoint of the given precision holds. Four-bit checkpoints of mixture models quantise the experts only,
 * and leave attention as the model was published.
 */
export function precisionOf(model: ModelFacts, weights: Kernel, kvBytes = 2): Precision {
  const isFourBit = weights === 'int4' || weights === 'nvfp4' || weights === 'mxfp4'
  const published: Kernel = model.nativePrecision === 'fp8' ? 'fp8' : 'bf16'
  return {
    dense: isFourBit && model.moe ? (weights === 'nvfp4' ? published : 'bf16') : weights,
    experts: weights,
    head: 'bf16',
    kvBytes,
  }
}

/** The precision that a model is published in. */
export const nativeKernel = (model: ModelFacts): Kernel => model.nativePrecision

/**
 * Reads the precision as result tables write it: "fp8 (gemm fp8, moe fp8_block)", "FP16/BF16", "AWQ/INT4". Null when the
 * text names none: the published precision is meant.
 */
export function parseKernel(text: string): Kernel | null {
  const word = text.toLowerCase().replace(/\(.*$/, '').trim()
  if (/mxfp4/.test(word)) return 'mxfp4'
  if (/fp4/.test(word)) return 'nvfp4'
  if (/fp8|float8|e4m3/.test(word)) return 'fp8'
  if (/int8|w8a8|q8/.test(word)) return 'int8'
  if (/int4|awq|gptq|w4a16|uint4|q4/.test(word)) return 'int4'
  if (/bf16|fp16|float16|half|16/.test(word)) return 'bf16'
  return null
}
