import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../core/random.ts'
import { crossing, fallingShares } from './isotonic.ts'
import { createRateSearch } from './rate-search.ts'
import { capacityPerS, virtualSearch as search, virtualTruth } from './virtual-queue.fixture.ts'

describe('rate search', () => {
  const expected = virtualTruth()
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
  it('promises no rate above what the server does at most', () => {
    const rates = createRateSearch({
      startRatePerS: 1,
      rateMaxPerS: 1e6,
      hasLimits: true,
      target: 0.99,
      tolerance: 0.05,
      probeMs: 10_000,
      settleMs: 20_000,
      requestsMax: 5000,
      confidence: 0.95,
    })
    for (let probe = rates.next(); probe !== null; probe = rates.next()) {
      const total = Math.round((probe.ratePerS * probe.durationMs) / 1000)
      const isSaturated = probe.ratePerS > 150
      // Under far too much load a server does a little less than it can.
      const completedPerS = isSaturated ? 140 : probe.ratePerS
      const good = isSaturated ? Math.round(total / 10) : total
      rates.observe(probe, {
        good,
        total,
        completedPerS,
        isSaturated,
        effectiveTotal: total / 10,
        isTrustworthy: true,
      })
    }
    const { ratePerS, interval, capacityPerS: most } = rates.result(createRandom(1))
    expect(most).toBeGreaterThanOrEqual(140)
    expect(most).toBeLessThanOrEqual(150)
    expect(ratePerS).toBeGreaterThan(130)
    expect(interval![1]).toBeLessThanOrEqual(150 * 1.05)
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
