import { createRandom } from '../../../core/random.ts'
import { effectiveCount } from '../statistics/dispersion.ts'
import { drawExponential } from '../statistics/draw.ts'
import { createRateSearch, type Observation, type RateSearchResult } from './rate-search.ts'

/** Of the simulated server. */
export const capacityPerS = 100
const limitMs = 50
const target = 0.99

/** An M/D/1 queue in virtual time: Poisson arrivals, one server of known capacity, a limit on the sojourn. */
function queue(ratePerS: number, count: number, seed: number, withinMs = limitMs): Observation {
  const random = createRandom(seed)
  const serviceMs = 1000 / capacityPerS
  const waitsMs = new Float64Array(count)
  let good = 0
  let completed = 0
  let atMs = 0
  let freeMs = 0
  for (let index = 0; index < count; index++) {
    atMs += (drawExponential(random) * 1000) / ratePerS
    freeMs = Math.max(freeMs, atMs) + serviceMs
    waitsMs[index] = freeMs - atMs
    if (freeMs - atMs <= withinMs) good++
    if (freeMs <= (count * 1000) / ratePerS) completed++
  }
  return {
    good,
    total: count,
    effectiveTotal: count < 1e5 ? effectiveCount(waitsMs) : count,
    completedPerS: (completed * ratePerS) / count,
    isSaturated: waitsMs.at(-1)! > 4 * limitMs,
    isTrustworthy: true,
  }
}

/** By brute force: where a million requests a rate cross the target. */
export function virtualTruth(): number {
  let rate = 50
  while (queue(rate, 1_000_000, 99).good / 1_000_000 >= target) rate += 0.5
  return rate - 0.25
}

/** A whole search on it. Without limits it looks for the knee. */
export function virtualSearch(seed: number, startRatePerS = 1, hasLimits = true): RateSearchResult {
  const rates = createRateSearch({
    startRatePerS,
    rateMaxPerS: 1e6,
    hasLimits,
    target,
    tolerance: 0.03,
    probeMs: 5000,
    settleMs: (4 * limitMs) / 0.03,
    requestsMax: 16_000,
    confidence: 0.95,
  })
  for (let step = 0; step < 100; step++) {
    const probe = rates.next()
    if (probe === null) return rates.result(createRandom(seed))
    const count = Math.ceil((probe.durationMs / 1000) * probe.ratePerS)
    rates.observe(
      probe,
      queue(probe.ratePerS, count, seed * 1000 + step, hasLimits ? limitMs : Infinity),
    )
  }
  throw new Error('the search does not end')
}
