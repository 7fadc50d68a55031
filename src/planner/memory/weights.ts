import { weightBytes } from '../kernel-precision.ts'
import { countParameters } from '../model-facts.ts'
import type { Layout } from '../step/step-time.ts'

/** Bytes of weights that one device holds. */
export function weightBytesPerDevice(layout: Layout): number {
  const { model, precision, tp, pp, dp } = layout
  const count = countParameters(model)
  const dense = count.total - count.experts - count.embeddings - model.extraParameters
  const shards = tp * pp
  // Experts spread over all ranks, tensor and data parallel alike; the rest repeats on each data-parallel rank.
  return (
    (dense * weightBytes[precision.dense] +
      (count.embeddings + model.extraParameters) * weightBytes[precision.head]) /
      shards +
    (count.experts * weightBytes[precision.experts]) / (shards * dp)
  )
}
