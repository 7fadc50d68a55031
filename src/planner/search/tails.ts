import type { TokenLength } from '../workload/workload.ts'

/** Mean and quantiles of a latency over requests, ms. */
export interface Tail {
  readonly mean: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** A positive quantity by its first two moments. */
export interface Moments {
  readonly mean: number
  readonly variance: number
}

/** Normal quantiles that plans speak of. */
export const z = { p50: 0, p95: 1.6449, p99: 2.3263 } as const

/** A lognormal with these moments: long to the right, never negative, and what recorded latencies look like. */
export function tailOf(moments: Moments): Tail {
  const { mean } = moments
  return {
    mean,
    p50: quantile(moments, z.p50),
    p95: quantile(moments, z.p95),
    p99: quantile(moments, z.p99),
  }
}

export function quantile({ mean, variance }: Moments, deviation: number): number {
  if (!(mean > 0)) return 0
  const log = Math.log(1 + variance / (mean * mean))
  return mean * Math.exp(deviation * Math.sqrt(log) - log / 2)
}

/** Share of requests at or below the limit. */
export function shareBelow({ mean, variance }: Moments, limit: number): number {
  if (limit <= 0) return 0
  const log = Math.log(1 + variance / (mean * mean))
  if (log <= 1e-12) return mean <= limit ? 1 : 0
  return normal((Math.log(limit / mean) + log / 2) / Math.sqrt(log))
}

/**
 * Waiting for one of `places` that are taken for `heldMs` each, with `offered` taken on average (Halfin-Whitt). Times that
 * vary more than exponential ones make longer waits, by (1 + c²) / 2 (Allen-Cunneen); `spread` is their c.
 */
export function placeWait(offered: number, places: number, heldMs: number, spread = 1): Moments {
  const spare = places - offered
  if (spare <= 0) return { mean: Number.POSITIVE_INFINITY, variance: Number.POSITIVE_INFINITY }
  const beta = spare / Math.sqrt(Math.max(offered, 1e-9))
  const density = Math.exp((-beta * beta) / 2) / Math.sqrt(2 * Math.PI)
  const waits = beta > 8 ? 0 : 1 / (1 + (beta * normal(beta)) / density)
  const scale = (heldMs / spare) * ((1 + spread * spread) / 2)
  return { mean: waits * scale, variance: waits * (2 - waits) * scale * scale }
}

/**
 * Time to the first token: the prompt's own length varies, the request falls anywhere into a step, it waits behind
 * other prompts (seldom, then long: an exponential with an atom at zero), and for a place.
 */
export function firstTokenMoments(parts: {
  readonly meanMs: number
  readonly promptMs: number
  readonly prompt: TokenLength
  readonly stepMs: number
  readonly queueMs: number
  /** Share of the time that the engine is at prompts. */
  readonly busy: number
  readonly place: Moments
}): Moments {
  const { meanMs, promptMs, prompt, stepMs, queueMs, busy, place } = parts
  const own = (promptMs * prompt.spread) ** 2
  const phase = (stepMs * stepMs) / 12
  const waits = Math.min(1, Math.max(busy, 0.02))
  // Longer prompts make longer waits, too.
  const queue = queueMs * queueMs * (2 / waits - 1) * (1 + prompt.spread ** 2 / 2)
  return { mean: meanMs + place.mean, variance: own + phase + queue + place.variance }
}

/** E2E: the first token, then as many steps as the answer is long. */
export function endToEndMoments(first: Moments, token: Moments, answer: TokenLength): Moments {
  const steps = Math.max(0, answer.mean - 1)
  return {
    mean: first.mean + token.mean * steps,
    variance:
      first.variance +
      token.variance * steps * steps +
      (token.mean * answer.mean * answer.spread) ** 2,
  }
}

/** Abramowitz and Stegun 26.2.17, to 7 digits. */
function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x))
  const tail =
    (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return x >= 0 ? 1 - tail : tail
}
