import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../core/random.ts'
import { drawExponential } from './draw.ts'
import { lowerBound, quantile, samplesNeeded, sortSamples, upperBound } from './quantiles.ts'
import { incompleteBeta, shareInterval, studentT } from './special.ts'
import { summarise } from './summary.ts'

describe('quantiles', () => {
  it('needs as many samples as MLPerf asks for', () => {
    expect([0.5, 0.9, 0.95, 0.99, 0.999].map(samplesNeeded)).toEqual([11, 64, 130, 662, 6636])
  })
  it('takes the 77th highest of 10,000 as upper bound of p99', () => {
    const sorted = Float64Array.from({ length: 10_000 }, (_, index) => index)
    expect(upperBound(sorted, 0.99)).toBe(10_000 - 77)
  })
  it('is the nearest rank', () => {
    const sorted = sortSamples([3, NaN, 1, null, 2, 4])
    expect([...sorted]).toEqual([1, 2, 3, 4])
    expect([0.25, 0.5, 0.51, 1].map((p) => quantile(sorted, p))).toEqual([1, 2, 3, 4])
  })
  it('bounds hold for at least 99 % of samples', () => {
    const random = createRandom(5)
    const truth = -Math.log(0.05)
    let missedAbove = 0
    let missedBelow = 0
    for (let run = 0; run < 2000; run++) {
      const sorted = Float64Array.from({ length: 300 }, () => drawExponential(random)).sort()
      if (upperBound(sorted, 0.95)! < truth) missedAbove++
      if (lowerBound(sorted, 0.95)! > truth) missedBelow++
    }
    expect(missedAbove).toBeLessThan(35)
    expect(missedBelow).toBeLessThan(35)
  })
})

describe('summary', () => {
  it('claims no p99 from 200 samples, and says what it reaches at least', () => {
    const summary = summarise(Float64Array.from({ length: 200 }, (_, index) => index))
    expect(summary.atLeast).toEqual(['p99'])
    expect(summary.p99).toBeLessThan(198)
    expect(summary.p95).toBe(189)
    expect(summary.upperBounds.p95).toBeGreaterThan(189)
    expect(summary.upperBounds).not.toHaveProperty('p99')
  })
  it('claims it from 662', () => {
    expect(summarise(new Float64Array(662).fill(1)).atLeast).toEqual([])
  })
  it('is empty of nothing', () => {
    expect(summarise(new Float64Array())).toMatchObject({
      count: 0,
      mean: null,
      p50: null,
      max: null,
    })
  })
})

describe('special functions', () => {
  it('agree with tables', () => {
    expect(incompleteBeta(0.5, 2, 3)).toBeCloseTo(0.6875, 12)
    expect(studentT(0.95, 7)).toBeCloseTo(2.364624, 5)
    expect(studentT(0.99, 30)).toBeCloseTo(2.749996, 5)
    const [low, high] = shareInterval(95, 100, 0.95)
    expect(low).toBeCloseTo(0.88717, 4)
    expect(high).toBeCloseTo(0.98357, 4)
    expect(shareInterval(0, 10, 0.95)[0]).toBe(0)
    expect(shareInterval(10, 10, 0.95)[1]).toBe(1)
  })
})
