import type { Moments } from '../search/tails.ts'
import type { TokenLength } from '../workload/workload.ts'

/** A replica that only reads prompts, one after another. */
export interface PrefillServer {
  /** What a mean prompt takes, ms. */
  readonly promptMs: number
  readonly prompt: TokenLength
  /** Before the queue and after it: the request's way in, the cache's way out, the first step of the decoder. */
  readonly aroundMs: number
}

/**
 * Time to the first token where `rateRps` requests a second come to one such replica. The queue is M/G/1
 * (Pollaczek-Khinchine): the wait is ρ S (1 + c²) / (2 (1 − ρ)) on average, nothing for a share 1 − ρ and nearly
 * exponential for the rest. Null where more comes than it can read.
 */
export function prefillMoments(
  { promptMs, prompt, aroundMs }: PrefillServer,
  rateRps: number,
): Moments | null {
  const busy = (rateRps / 1e3) * promptMs
  if (busy >= 1) return null
  const spread = prompt.spread ** 2
  const wait = (busy * promptMs * (1 + spread)) / (2 * (1 - busy))
  const waitVariance = busy > 0 ? wait * wait * (2 / busy - 1) : 0
  return {
    mean: aroundMs + promptMs + wait,
    variance: promptMs * promptMs * spread + waitVariance,
  }
}

/** The most requests a second for which `holds`, by bisection up to nine tenths of what it can read. */
export function highestRate(promptMs: number, holds: (rateRps: number) => boolean): number {
  let low = 0
  let high = (0.9 / promptMs) * 1e3
  if (holds(high)) return high
  for (let round = 0; round < 20; round++) {
    const middle = (low + high) / 2
    if (holds(middle)) low = middle
    else high = middle
  }
  return low
}
