import { incompleteBeta, binomialAtLeast } from './special.ts'

/** Confidence of the bounds, as in MLPerf's early stopping. */
const boundConfidence = 0.99

/** Nearest rank: the smallest sample that at least a share `p` of all samples do not exceed. NaN where empty. */
export function quantile(sorted: Float64Array, p: number): number {
  if (sorted.length === 0) return NaN
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))]!
}

/**
 * How many samples a percentile needs before an upper bound with 99 % confidence exists (MLPerf's early stopping with
 * one sample to spare): p50 11, p90 64, p95 130, p99 662, p99.9 6,636.
 */
export function samplesNeeded(p: number): number {
  let low = 2
  let high = 1 << 26
  while (low < high) {
    const middle = (low + high) >> 1
    if (oddsOfExceeding(middle, 1, p) < 1 - boundConfidence) high = middle
    else low = middle + 1
  }
  return low
}

/** The sample which the true quantile does not exceed with 99 % confidence; null below the floor. */
export function upperBound(sorted: Float64Array, p: number): number | null {
  const n = sorted.length
  if (n < 2 || oddsOfExceeding(n, 1, p) >= 1 - boundConfidence) return null
  let low = 1
  let high = n - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (oddsOfExceeding(n, middle, p) < 1 - boundConfidence) low = middle
    else high = middle - 1
  }
  return sorted[n - low]!
}

/** The sample which the true quantile reaches or exceeds with 99 % confidence; null where there are no samples. */
export function lowerBound(sorted: Float64Array, p: number): number | null {
  const n = sorted.length
  let low = 0
  let high = n
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (binomialAtLeast(middle, n, p) >= boundConfidence) low = middle
    else high = middle - 1
  }
  return low === 0 ? null : sorted[low - 1]!
}

/** Sorted copy, ready for `quantile`. NaN and null stand for "not measured" and are left out. */
export function sortSamples(values: Iterable<number | null>): Float64Array {
  const kept: number[] = []
  for (const value of values) if (value !== null && !Number.isNaN(value)) kept.push(value)
  return Float64Array.from(kept).sort()
}

const oddsOfExceeding = (n: number, spare: number, p: number): number =>
  n - spare <= 0 ? 1 : incompleteBeta(p, n - spare, spare + 1)
