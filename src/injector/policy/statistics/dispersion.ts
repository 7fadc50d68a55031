/** Variance of counts in bins over their mean: 1 for Poisson, 0 for a constant rate, above 1 for bursts. */
export function dispersionIndex(timesMs: Float64Array, binMs: number, durationMs: number): number {
  const bins = new Float64Array(Math.max(1, Math.floor(durationMs / binMs)))
  for (const time of timesMs) {
    const bin = Math.floor(time / binMs)
    if (bin >= 0 && bin < bins.length) bins[bin]!++
  }
  const { mean, variance } = moments(bins)
  return variance / mean
}

/** Standard deviation of the gaps over their mean. */
export function gapVariation(timesMs: Float64Array): number {
  const { mean, variance } = moments(gapsOf(timesMs))
  return Math.sqrt(variance) / mean
}

/** Lag-1 correlation: near 0 where neighbours are independent. */
export function lagCorrelation(values: Float64Array): number {
  const { mean, variance } = moments(values)
  if (variance === 0) return 0
  let sum = 0
  for (let index = 1; index < values.length; index++)
    sum += (values[index]! - mean) * (values[index - 1]! - mean)
  return sum / (values.length - 1) / variance
}

/** Samples that are worth as much as independent ones, n·(1 − r)/(1 + r), at most n. */
export function effectiveCount(values: Float64Array): number {
  const r = Math.max(0, lagCorrelation(values))
  return values.length * ((1 - r) / (1 + r))
}

export function gapsOf(timesMs: Float64Array): Float64Array {
  return Float64Array.from(
    { length: Math.max(0, timesMs.length - 1) },
    (_, index) => timesMs[index + 1]! - timesMs[index]!,
  )
}

/** Unbiased variance; 0 below two values. */
export function moments(values: ArrayLike<number>): { mean: number; variance: number } {
  let mean = 0
  let squares = 0
  for (let index = 0; index < values.length; index++) {
    const change = values[index]! - mean
    mean += change / (index + 1)
    squares += change * (values[index]! - mean)
  }
  return { mean, variance: values.length > 1 ? squares / (values.length - 1) : 0 }
}
