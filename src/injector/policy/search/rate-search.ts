import type { Random } from '../../../core/random.ts'
import { drawNormal } from '../statistics/draw.ts'
import { shareInterval } from '../statistics/special.ts'
import { crossing, type RatePoint } from './isotonic.ts'

export interface RateSearchOptions {
  readonly startRatePerS: number
  readonly rateMaxPerS: number
  /** False: no limit on latency; only what the server does at most is asked for. */
  readonly hasLimits: boolean
  /** Share of requests that have to be good. */
  readonly target: number
  /** The search ends when the rate is known within this share. */
  readonly tolerance: number
  /** Least length of a probe. */
  readonly probeMs: number
  /**
   * How long a queue needs to show that a rate is too high by `tolerance`: its backlog grows by that share of the time,
   * and misses the limit when it is as long as the limit. Shorter probes call such a rate good.
   */
  readonly settleMs: number
  /** Requests spent on one rate that stays between yes and no. */
  readonly requestsMax: number
  readonly confidence: number
}

export interface Probe {
  readonly ratePerS: number
  readonly durationMs: number
}

export interface Observation {
  readonly good: number
  readonly total: number
  /** What `total` is worth where neighbours resemble each other; at most `total`. */
  readonly effectiveTotal: number
  /** Answers a second while requests were still being sent. */
  readonly completedPerS: number
  /** Ever more requests in flight: no longer probe would make it better. */
  readonly isSaturated: boolean
  /** False: the client could not keep up, so a higher rate would measure the client. */
  readonly isTrustworthy: boolean
}

export interface RateSearchResult {
  /** Highest rate that meets the target; null: not even the lowest tried does. */
  readonly ratePerS: number | null
  /** Bootstrap interval of it. */
  readonly interval: readonly [number, number] | null
  readonly confidence: number
  /** Highest rate tried that meets the target with this confidence. */
  readonly certifiedPerS: number | null
  /** What the server does at most, whatever the latency: its answers a second under too high a rate; null: none was. */
  readonly capacityPerS: number | null
  readonly reason: string
  readonly points: readonly (RatePoint & { readonly verdict: Verdict })[]
  readonly requests: number
}

type Verdict = 'meets' | 'misses' | 'open'

export interface RateSearch {
  /** The next rate to try; null: the answer is known. */
  next(): Probe | null
  observe(probe: Probe, observation: Observation): void
  result(random: Random): RateSearchResult
}

interface Point {
  ratePerS: number
  good: number
  total: number
  requests: number
  longestMs: number
  isSaturated: boolean
}

/** Factor between rates while no rate has missed yet. */
const growth = 2
const bootstrapRuns = 400
/** Short series hide how much neighbours resemble each other; found by simulation to make 95 % hold. */
const caution = 1.5

/**
 * Doubles the rate until the target is missed, then halves the logarithm of what lies between. A rate is settled when
 * the exact interval of its attainment excludes the target; on the way up it is enough that nothing speaks against it.
 */
export function createRateSearch(options: RateSearchOptions): RateSearch {
  const { target, confidence, requestsMax } = options
  const points: Point[] = []
  let untrustworthyPerS = Infinity
  let requests = 0
  let capacity: number | null = null
  let checksLeft = 2

  function verdictOf(point: Point): Verdict {
    if (point.isSaturated) return 'misses'
    const [low, high] = shareInterval(Math.round(point.good), Math.round(point.total), confidence)
    return low >= target ? 'meets' : high < target ? 'misses' : 'open'
  }
  const seemsToMeet = (point: Point) =>
    verdictOf(point) !== 'misses' && point.good / point.total >= target
  const lowest = () =>
    points.filter((point) => !seemsToMeet(point)).toSorted((a, b) => a.ratePerS - b.ratePerS)[0]
  const highest = (below: number) =>
    points
      .filter((point) => seemsToMeet(point) && point.ratePerS < below)
      .toSorted((a, b) => b.ratePerS - a.ratePerS)[0]

  /** No rate above what the server does at most can be met. */
  const ceilingPerS = () => (capacity ?? Infinity) * (1 + options.tolerance)

  const probe = (ratePerS: number, least: number): Probe => ({
    ratePerS,
    durationMs: Math.max(options.probeMs, (least * 1000) / ratePerS),
  })

  /** How many requests more a rate needs before the next step would be wasted; 0: it is settled. */
  function missing(point: Point | undefined): number {
    if (!point || verdictOf(point) !== 'open' || point.requests >= requestsMax) return 0
    return Math.min(requestsMax - point.requests, Math.max(point.requests, leastToCertify(target)))
  }

  return {
    next() {
      const missed = lowest()
      if (!options.hasLimits && capacity !== null) {
        // The answer is known but for one look just below it.
        const ratePerS = capacity * (1 - options.tolerance)
        const isSeen = points.some(
          (point) => point.ratePerS >= ratePerS * 0.999 && !point.isSaturated,
        )
        if (isSeen || checksLeft-- <= 0) return null
        return probe(ratePerS, (options.settleMs / 1000) * ratePerS)
      }
      if (!missed) {
        const last = highest(Infinity)
        if (!last) return probe(options.startRatePerS, 1)
        const isClientNear = untrustworthyPerS <= last.ratePerS * growth
        const ratePerS = isClientNear
          ? Math.sqrt(last.ratePerS * untrustworthyPerS)
          : Math.min(last.ratePerS * growth, options.rateMaxPerS)
        if (ratePerS > last.ratePerS * (1 + options.tolerance / 2)) return probe(ratePerS, 1)
        const more = missing(last)
        return more > 0 ? probe(last.ratePerS, more) : null
      }
      const met = highest(missed.ratePerS)
      if (!met) {
        const more = missing(missed)
        if (more > 0) return probe(missed.ratePerS, more)
        const ratePerS = missed.ratePerS / growth
        return ratePerS < options.startRatePerS / 100 ? null : probe(ratePerS, 1)
      }
      const ceiling = Math.min(missed.ratePerS, ceilingPerS())
      const width = ceiling / met.ratePerS - 1
      if (width > options.tolerance) {
        const ratePerS = Math.sqrt(ceiling * met.ratePerS)
        const settleMs = (options.settleMs * options.tolerance) / width
        return probe(ratePerS, Math.max(leastToCertify(target), (settleMs / 1000) * ratePerS))
      }
      if (met.longestMs < options.settleMs * 0.99)
        return probe(met.ratePerS, (options.settleMs / 1000) * met.ratePerS)
      for (const point of [met, missed]) {
        const more = missing(point)
        if (more > 0) return probe(point.ratePerS, more)
      }
      return null
    },

    observe({ ratePerS, durationMs }, observation) {
      requests += observation.total
      if (!observation.isTrustworthy) {
        untrustworthyPerS = Math.min(untrustworthyPerS, ratePerS)
        return
      }
      // Where the queue only grows, what comes out is all the server has.
      if (observation.isSaturated && ratePerS > observation.completedPerS * 1.05)
        capacity = Math.max(capacity ?? 0, observation.completedPerS)
      const worth = observation.total === 0 ? 0 : observation.effectiveTotal / observation.total
      const known = points.find((point) => point.ratePerS === ratePerS)
      const point = known ?? {
        ratePerS,
        good: 0,
        total: 0,
        requests: 0,
        longestMs: 0,
        isSaturated: false,
      }
      if (!known) points.push(point)
      point.good += observation.good * worth
      point.total += observation.total * worth
      point.requests += observation.total
      point.longestMs = Math.max(point.longestMs, durationMs)
      point.isSaturated ||= observation.isSaturated
    },

    result(random) {
      const settled = points
        .map((point) => ({ ...point, verdict: verdictOf(point) }))
        .toSorted((a, b) => a.ratePerS - b.ratePerS)
      // Far below the answer a handful of requests was enough, and says little.
      const top = highest(Infinity)
      const topPerS = top?.ratePerS ?? 0
      // A queue that was seen to grow at a far higher rate grows from the ceiling on.
      const growsFromPerS = Math.max(topPerS * (1 + options.tolerance), ceilingPerS())
      const asPoints = (shake: (point: Point) => number): RatePoint[] =>
        settled
          .filter(({ ratePerS }) => ratePerS >= topPerS / growth)
          .map((point) => ({
            ...point,
            good: shake(point),
            ratePerS: point.isSaturated ? Math.min(point.ratePerS, growsFromPerS) : point.ratePerS,
          }))
      const best = options.hasLimits ? crossing(asPoints(cappedGood), target) : null
      const certified = settled.findLast(({ verdict }) => verdict === 'meets')
      const isOpenAbove = best === null && top !== undefined && lowest() === undefined
      return {
        ratePerS: best ?? top?.ratePerS ?? null,
        interval: best === null ? null : bootstrap(asPoints, target, random, confidence),
        confidence,
        certifiedPerS: certified?.ratePerS ?? null,
        // A rate that it was seen to keep up with is a better bound than a noisy count below it.
        capacityPerS: capacity === null ? null : Math.max(capacity, topPerS),
        reason:
          !options.hasLimits && capacity !== null
            ? 'what the server answers a second under more load than it can take'
            : reasonOf(best, isOpenAbove, untrustworthyPerS < Infinity),
        points: settled,
        requests,
      }
    },
  }

  /** A saturated point is one that misses, whatever its first requests saw. */
  function cappedGood({ good, total, isSaturated }: Point): number {
    return isSaturated ? Math.min(good, total * (2 * target - 1)) : good
  }

  function bootstrap(
    asPoints: (shake: (point: Point) => number) => RatePoint[],
    share: number,
    random: Random,
    level: number,
  ): [number, number] | null {
    const found: number[] = []
    for (let run = 0; run < bootstrapRuns; run++) {
      const rate = crossing(
        asPoints((point) => {
          const good = cappedGood(point)
          // One miss more and one hit more than seen: a share of 1 from 60 requests is no certainty.
          const p = (good + 0.5) / (point.total + 1)
          const spread = caution * Math.sqrt(p * (1 - p) * point.total)
          return Math.min(point.total, Math.max(0, p * point.total + spread * drawNormal(random)))
        }),
        share,
      )
      if (rate !== null) found.push(rate)
    }
    if (found.length < bootstrapRuns / 2) return null
    found.sort((a, b) => a - b)
    const at = (p: number) => found[Math.min(found.length - 1, Math.floor(p * found.length))]!
    return [at((1 - level) / 2), at((1 + level) / 2)]
  }
}

/** Requests, all of them good, from which on a 95 % interval lies above the target. */
const leastToCertify = (target: number): number =>
  Math.min(5000, Math.ceil(Math.log(0.025) / Math.log(target)) + 1)

function reasonOf(best: number | null, isOpenAbove: boolean, isClientBound: boolean): string {
  if (best !== null)
    return 'between the highest rate that meets the target and the lowest that misses it'
  if (isOpenAbove && isClientBound)
    return 'the client could not send faster: the server may do more'
  if (isOpenAbove) return 'the highest rate allowed still meets the target'
  return 'even the lowest rate tried misses the target'
}
