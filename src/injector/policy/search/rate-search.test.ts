import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../core/random.ts'
import { drawExponential } from '../statistics/draw.ts'
import { effectiveCount } from '../statistics/dispersion.ts'
import { crossing, fallingShares } from './isotonic.ts'
import { createRateSearch, type Observation } from './rate-search.ts'

const capacityPerS = 100
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
function truth(): number {
  let rate = 50
  while (queue(rate, 1_000_000, 99).good / 1_000_000 >= target) rate += 0.5
  return rate - 0.25
}

function search(seed: number, startRatePerS = 1, hasLimits = true) {
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

describe('rate search', () => {
  const expected = truth()
  const results = Array.from({ length: 40 }, (_, seed) => search(seed + 1))

  it('finds the highest rate that meets the limit', () => {
    const errors = results
      .map(({ ratePerS }) => Math.abs(ratePerS! / expected - 1))
      .sort((a, b) => a - b)
    expect(errors[Math.floor(errors.length / 2)]).toBeLessThan(0.03)
    expect(errors[Math.floor(errors.length * 0.9)]).toBeLessThan(0.08)
  })
  it('finds the knee, the capacity of the server, within 3 %', () => {
    const linear = Math.ceil(capacityPerS / 3) * 4000
    for (let seed = 1; seed <= 20; seed++) {
      const result = search(seed, 1, false)
      expect(Math.abs(result.capacityPerS! / capacityPerS - 1)).toBeLessThan(0.03)
      expect(result.requests).toBeLessThan(linear / 2)
    }
  })
  it('needs less than half the requests of a linear sweep with the same resolution', () => {
    const requests = results.map((result) => result.requests).sort((a, b) => a - b)
    // Steps of 3 % of the capacity, as many requests as one rate may take.
    const linear = Math.ceil(expected / 3) * 16_000
    expect(requests[Math.floor(requests.length * 0.9)]).toBeLessThan(linear / 2)
  })
  it('states an interval that holds the truth', () => {
    const holding = results.filter(
      ({ interval }) => interval && interval[0] <= expected && interval[1] >= expected,
    )
    expect(holding.length).toBeGreaterThanOrEqual(results.length * 0.8)
  })
  it('seldom certifies a rate beyond the truth', () => {
    const beyond = results.filter(({ certifiedPerS }) => (certifiedPerS ?? 0) > expected * 1.03)
    expect(beyond.length).toBeLessThanOrEqual(results.length * 0.15)
  })
  it('comes from above where it starts too high', () => {
    expect(Math.abs(search(5, 400).ratePerS! / expected - 1)).toBeLessThan(0.08)
  })
  it('stops where the client is the limit, and says so', () => {
    const rates = createRateSearch({
      startRatePerS: 10,
      rateMaxPerS: 1e6,
      hasLimits: true,
      target: 0.9,
      tolerance: 0.03,
      probeMs: 1000,
      settleMs: 1000,
      requestsMax: 1000,
      confidence: 0.95,
    })
    for (let probe = rates.next(), steps = 0; probe !== null; probe = rates.next()) {
      expect(++steps).toBeLessThan(50)
      const good = {
        good: 100,
        total: 100,
        effectiveTotal: 100,
        completedPerS: 1000,
        isSaturated: false,
      }
      rates.observe(probe, { ...good, isTrustworthy: probe.ratePerS < 100 })
    }
    expect(rates.result(createRandom(1)).reason).toMatch(/client could not send faster/)
  })
})

describe('isotonic curve', () => {
  it('pools what rises, and crosses where the misses do', () => {
    const points = [
      { ratePerS: 1, good: 100, total: 100 },
      { ratePerS: 2, good: 90, total: 100 },
      { ratePerS: 4, good: 98, total: 100 },
      { ratePerS: 8, good: 50, total: 100 },
    ]
    expect(fallingShares(points).map(({ share }) => share)).toEqual([1, 0.94, 0.94, 0.5])
    expect(crossing(points, 0.94)).toBeCloseTo(4, 9)
    expect(crossing(points.slice(0, 1), 0.9)).toBeNull()
  })
})
