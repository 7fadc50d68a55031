import type { LatencyAim, LatencyFigure, SloTarget } from '../workload/slo.ts'
import type { Workload } from '../workload/workload.ts'
import type { EngineCurve } from './curve.ts'
import {
  endToEndMoments,
  firstTokenMoments,
  type Moments,
  placeWait,
  quantile,
  shareBelow,
  type Tail,
  z,
} from './tails.ts'

/** One replica under an open load that keeps `running` sequences at work on average. */
export interface Operating {
  readonly running: number
  /** Sequences that may run at once. */
  readonly places: number
  /** Requests a second, of this replica. */
  readonly rateRps: number
  readonly ttft: Moments
  readonly tpot: Moments
  readonly e2e: Moments
}

export function operate(
  curve: EngineCurve,
  places: number,
  workload: Workload,
  running: number,
): Operating {
  const osl = workload.outputTokens.mean
  const stepMs = curve.stepMs(running)
  const cycleMs = stepMs * osl
  const held = cycleMs + curve.promptMs
  const place = placeWait(running, places, held, workload.outputTokens.spread)
  const ttft = firstTokenMoments({
    meanMs: curve.firstTokenMs(running, 0),
    promptMs: curve.promptMs,
    prompt: workload.inputTokens,
    stepMs,
    queueMs: curve.queueMs(running),
    busy: (running / cycleMs) * curve.device.alone.total,
    place,
  })
  // How many run is Poisson; a request sees the average over its own course, which varies by two thirds of that.
  const spread = Math.sqrt((running * 2) / 3)
  const slope = curve.stepMs(running + spread) - stepMs
  const variance = slope * slope + stallVariance(curve, running, workload)
  const tpot: Moments = { mean: stepMs, variance }
  const e2e = endToEndMoments(ttft, tpot, workload.outputTokens)
  return { running, places, rateRps: (running / cycleMs) * 1e3, ttft, tpot, e2e }
}

/**
 * While one answers, about as many others bring their prompts as run: a Poisson number of stalls, spread over the tokens
 * of the answer. Short answers feel each of them more: (1 + c²)³ is what 1 / length² is on average of a lognormal.
 */
function stallVariance(
  curve: EngineCurve,
  running: number,
  { inputTokens, outputTokens }: Workload,
): number {
  const stall = curve.stallMs(running) / outputTokens.mean
  const short = (1 + outputTokens.spread ** 2) ** 3
  return running * stall * stall * (1 + inputTokens.spread ** 2) * short
}

export const valueOf = (at: Operating, { figure, statistic }: LatencyAim): number =>
  statistic === 'mean' ? at[figure].mean : quantile(at[figure], z[statistic])

/** The same of what was played. */
export const valueIn = (
  played: Readonly<Record<LatencyFigure, Tail>>,
  { figure, statistic }: LatencyAim,
): number => played[figure][statistic]

export const meetsTails = (
  played: Readonly<Record<LatencyFigure, Tail>>,
  slo: readonly SloTarget[],
  tolerance: number,
): boolean => slo.every((target) => valueIn(played, target) <= target.limitMs * tolerance)

export const meets = (at: Operating, slo: readonly SloTarget[]): boolean =>
  slo.every((target) => valueOf(at, target) <= target.limitMs)

/** Share of requests within every limit, taking the limits as independent. */
export const attainment = (at: Operating, slo: readonly SloTarget[]): number =>
  slo.reduce((share, { figure, limitMs }) => share * shareBelow(at[figure], limitMs), 1)

/** Sequences that run on average at this rate of one replica; null where it is more than the replica can do. */
export function runningAt(
  curve: EngineCurve,
  places: number,
  osl: number,
  rateRps: number,
): number | null {
  const perMs = rateRps / 1e3
  const most = mostSteady(curve, places)
  if (perMs * curve.stepMs(most) * osl > most) return null
  return bisect(0, most, (running) => perMs * curve.stepMs(running) * osl > running)
}

/** Most sequences that may run on average with every limit kept; 0 where even one alone breaks one. */
export function mostRunning(
  curve: EngineCurve,
  places: number,
  workload: Workload,
  slo: readonly SloTarget[],
): number {
  const most = mostSteady(curve, places)
  const holds = (running: number) => meets(operate(curve, places, workload, running), slo)
  if (!holds(Math.min(lightest, most))) return 0
  return holds(most) ? most : bisect(Math.min(lightest, most), most, holds)
}

/**
 * Sequences that may run on average with something in hand: where more of them hardly bring more in all, a little more work,
 * or an engine a little slower than thought, is a queue without end.
 */
export function mostSteady(curve: EngineCurve, places: number): number {
  const rateOf = (running: number) => running / curve.stepMs(running)
  const most = places * fullest
  const steady = busiest * rateOf(places)
  return rateOf(most) <= steady ? most : bisect(0, most, (running) => rateOf(running) < steady)
}

/** Share of what a replica does with all its places taken that is planned for. */
const busiest = 0.93

/** Share of the places that a closed form can still speak of: beyond it the queue decides. */
export const fullest = 0.9
/** Running sequences of a service that is all but idle. */
export const lightest = 0.05

/** Where `isLow` turns false between low and high, to a thousandth: hardly anything may run where much could. */
function bisect(low: number, high: number, isLow: (value: number) => boolean): number {
  for (let round = 0; round < 40 && high - low > high * 5e-4; round++) {
    const middle = (low + high) / 2
    if (isLow(middle)) low = middle
    else high = middle
  }
  return low
}
