import { energyErrorBar, gramsCo2PerMillion, kwhPerMillion } from '../cost/energy.ts'
import type { Candidate } from '../search/candidate.ts'
import { barsOf } from '../search/certainty.ts'
import { type Moments, tailOf } from '../search/tails.ts'

/** A figure with the interval that 80 % of measured runs fall into. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

export interface TailEstimate {
  readonly mean: Estimate
  readonly p50: Estimate
  readonly p95: Estimate
  readonly p99: Estimate
}

/** What a candidate will do. Energy, CO₂ and cost are null where power or price are not known. */
export interface Figures {
  readonly ttftMs: TailEstimate
  readonly tpotMs: TailEstimate
  readonly e2eMs: TailEstimate
  readonly requestsPerSecond: number
  readonly outputTokensPerSecond: Estimate
  /** Requests a second within every limit. */
  readonly goodputRps: Estimate
  /** The most that could be served within the limits, requests a second. */
  readonly mostRps: Estimate
  readonly attainment: number
  readonly usdPerHour: number | null
  readonly usdPerMillionTokens: Estimate | null
  readonly joulesPerToken: Estimate | null
  /** At the machines. */
  readonly kwhPerMillionTokens: Estimate | null
  readonly gramsCo2PerMillionTokens: Estimate | null
}

/** Tails are derived, not fitted: how much wider their residuals on open-loop runs are (bench/planner/search-tails.ts). */
const tailWidening = { p50: 1, p95: 1.4, p99: 1.8 } as const

/** As many requests as were asked for did not come: published runs of open loops are off by this in throughput. */
const offeredBar = 0.02

/** `offeredRps`: requests that come whatever the replicas can do; null: as many as they can. */
export function figuresOf(candidate: Candidate, offeredRps: number | null = null): Figures {
  const { operating, servedRps, mostRps } = candidate
  const bars = barsOf(candidate)
  const { throughput } = bars
  // What comes is what is served, unless the replicas should turn out too slow for it.
  const isOffered = offeredRps !== null && servedRps >= offeredRps * 0.999
  const up = isOffered ? offeredBar : throughput
  const down = isOffered ? Math.max(offeredBar, throughput - Math.log(mostRps / servedRps)) : up
  return {
    ttftMs: tail(operating.ttft, bars.ttft),
    tpotMs: tail(operating.tpot, bars.tpot),
    e2eMs: tail(operating.e2e, bars.e2e),
    requestsPerSecond: round(servedRps),
    outputTokensPerSecond: between(candidate.outputTokensPerSecond, down, up),
    goodputRps: between(servedRps * candidate.attainment, down, up),
    mostRps: around(mostRps, throughput),
    attainment: round(candidate.attainment),
    usdPerHour: candidate.usdPerHour,
    usdPerMillionTokens:
      candidate.usdPerMillionTokens === null
        ? null
        : between(candidate.usdPerMillionTokens, up, down),
    joulesPerToken:
      candidate.joulesPerToken === null ? null : around(candidate.joulesPerToken, energyErrorBar),
    kwhPerMillionTokens:
      candidate.joulesPerToken === null
        ? null
        : around(kwhPerMillion(candidate.joulesPerToken), energyErrorBar),
    gramsCo2PerMillionTokens:
      candidate.joulesPerToken === null
        ? null
        : around(gramsCo2PerMillion(candidate.joulesPerToken, candidate.site), energyErrorBar),
  }
}

export function tail(moments: Moments, halfWidth: number): TailEstimate {
  const { mean, p50, p95, p99 } = tailOf(moments)
  return {
    mean: around(mean, halfWidth),
    p50: around(p50, halfWidth * tailWidening.p50),
    p95: around(p95, halfWidth * tailWidening.p95),
    p99: around(p99, halfWidth * tailWidening.p99),
  }
}

const around = (value: number, halfWidth: number): Estimate => between(value, halfWidth, halfWidth)

const between = (value: number, down: number, up: number): Estimate => ({
  value: round(value),
  low: round(value * Math.exp(-down)),
  high: round(value * Math.exp(up)),
})

const round = (value: number): number => Number(value.toPrecision(4))
