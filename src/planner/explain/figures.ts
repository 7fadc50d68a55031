import { energyErrorBar, gramsCo2PerMillion, kwhPerMillion } from '../cost/energy.ts'
import { calibratedBars } from '../load/calibrated-bars.ts'
import { calibrationOf, coefficientsOf } from '../load/coefficients.ts'
import { promptShareOf } from '../load/features.ts'
import { publishedBars, situationOf } from '../load/published-bars.ts'
import type { Candidate } from '../search/candidate.ts'
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

/** How far published acceptances of one draft lie apart between conversation, code and maths, as a logarithm. */
const draftErrorBar = 0.15

/** Tails are derived, not fitted: how much wider their residuals on open-loop runs are (bench/planner/search-tails.ts). */
const tailWidening = { p50: 1, p95: 1.4, p99: 1.8 } as const

export function figuresOf(candidate: Candidate): Figures {
  const { engine, copy, operating } = candidate
  const subject = { layout: copy.layout, engine, version: '' }
  const calibration = calibrationOf(subject)
  const makeup = candidate.curve.makeup(operating.running)
  const bars = calibration
    ? calibratedBars(calibration, makeup)
    : publishedBars(
        subject,
        situationOf(null, promptShareOf(makeup.step, coefficientsOf(subject).step)),
      )
  const drafts = candidate.settings.speculative === 'off' ? 0 : draftErrorBar
  const throughput = Math.hypot(bars.throughput, drafts)
  return {
    ttftMs: tail(operating.ttft, bars.ttft),
    tpotMs: tail(operating.tpot, Math.hypot(bars.tpot, drafts)),
    e2eMs: tail(operating.e2e, Math.hypot(bars.e2e, drafts)),
    requestsPerSecond: round(candidate.servedRps),
    outputTokensPerSecond: around(candidate.outputTokensPerSecond, throughput),
    goodputRps: around(candidate.servedRps * candidate.attainment, throughput),
    mostRps: around(candidate.mostRps, throughput),
    attainment: round(candidate.attainment),
    usdPerHour: candidate.usdPerHour,
    usdPerMillionTokens: orNull(candidate.usdPerMillionTokens, throughput),
    joulesPerToken: orNull(candidate.joulesPerToken, energyErrorBar),
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

const around = (value: number, halfWidth: number): Estimate => ({
  value: round(value),
  low: round(value * Math.exp(-halfWidth)),
  high: round(value * Math.exp(halfWidth)),
})

const orNull = (value: number | null, halfWidth: number): Estimate | null =>
  value === null ? null : around(value, halfWidth)

const round = (value: number): number => Number(value.toPrecision(4))
