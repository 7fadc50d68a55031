import type { MetricSummary, Percentile } from '../../../contract/injection-summary.ts'
import { lowerBound, quantile, samplesNeeded, upperBound } from './quantiles.ts'

const percentiles = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const

/**
 * Mean, percentiles and maximum of sorted samples. A percentile with too few samples behind it is not claimed: its
 * place holds the value which it reaches at least (99 % confidence) and `atLeast` names it.
 */
export function summarise(sorted: Float64Array): MetricSummary {
  const count = sorted.length
  const result: MetricSummary = {
    count,
    mean: null,
    p50: null,
    p90: null,
    p95: null,
    p99: null,
    max: null,
    atLeast: [],
    upperBounds: {},
  }
  if (count === 0) return result
  let sum = 0
  for (const value of sorted) sum += value
  result.mean = sum / count
  result.max = sorted[count - 1]!
  for (const [name, p] of Object.entries(percentiles) as [Percentile, number][])
    if (count >= floors[name]) {
      result[name] = quantile(sorted, p)
      result.upperBounds[name] = upperBound(sorted, p)
    } else {
      result[name] = lowerBound(sorted, p)
      result.atLeast.push(name)
    }
  return result
}

/** Samples a percentile needs, spelled out once: the search takes a while for the high ones. */
const floors: Readonly<Record<Percentile, number>> = {
  p50: samplesNeeded(percentiles.p50),
  p90: samplesNeeded(percentiles.p90),
  p95: samplesNeeded(percentiles.p95),
  p99: samplesNeeded(percentiles.p99),
}
