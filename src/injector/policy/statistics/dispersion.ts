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

/** Correlation of neighbours, or of values `lag` apart: near 0 where they are independent. */
export function lagCorrelation(values: Float64Array, lag = 1): number {
  const { mean, variance } = moments(values)
  if (variance === 0 || values.length <= lag) return 0
  let sum = 0
  for (let index = lag; index < values.length; index++)
    sum += (values[index]! - mean) * (values[index - lag]! - mean)
  return sum / (values.length - 1) / variance
}

const lagsMax = 2000

/**
 * How many independent samples these are worth, at most as many as they are: n over the autocorrelation time, summed
 * while pairs of neighbouring lags stay positive (Geyer 1992). Waiting times in a queue resemble their neighbours for
 * long, so a thousand of them may be worth ten.
 */
export function effectiveCount(values: Float64Array): number {
  let time = -1
  for (let lag = 0; lag < Math.min(lagsMax, values.length - 1); lag += 2) {
    const pair = lagCorrelation(values, lag) + lagCorrelation(values, lag + 1)
    if (pair <= 0) break
    time += 2 * pair
  }
  return values.length / Math.max(1, time)
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
