import type { Random } from '../../../core/random.ts'
import { drawNormal } from '../statistics/draw.ts'
import { gapVariation } from '../statistics/dispersion.ts'

/**
 * Who sends how much, and how unevenly. Real load is a few clients with most of the requests, each with bursts of its own
 * (ServeGen, 2025): one process with the mean of all is smoother than what a server meets.
 */
export interface ClientMix {
  readonly clients: readonly Client[]
  /** The rate of all over time, as a multiple of its mean; null: steady. */
  readonly curve: RateCurve | null
}

export interface Client {
  readonly name: string
  /** Share of all requests, up to a factor. */
  readonly weight: number
  /** Coefficient of variation of its gaps. */
  readonly cv: number
  readonly law: 'gamma' | 'weibull'
}

/** Steps: from each time on, until the next. */
export interface RateCurve {
  readonly timesMs: readonly number[]
  readonly factors: readonly number[]
}

/** So many requests make a CV worth believing. */
const requestsForCv = 20

/** Rates by Zipf's law, CVs lognormal around a median. */
export function drawClients(
  count: number,
  skew: number,
  cvMedian: number,
  cvSigma: number,
  random: Random,
): Client[] {
  return Array.from({ length: count }, (_, rank) => ({
    name: String(rank),
    weight: (rank + 1) ** -skew,
    cv: Math.min(20, cvMedian * Math.exp(cvSigma * drawNormal(random))),
    law: 'gamma' as const,
  }))
}

/** The clients of a recording, from their own requests. */
export function fitClients(timesMs: Float64Array, clients: readonly string[]): Client[] {
  const byClient = Map.groupBy(timesMs.keys(), (row) => clients[row]!)
  return [...byClient].map(([name, rows]) => ({
    name,
    weight: rows.length,
    cv:
      rows.length < requestsForCv
        ? 1
        : Math.max(0.05, gapVariation(Float64Array.from(rows, (row) => timesMs[row]!))),
    law: 'gamma',
  }))
}
