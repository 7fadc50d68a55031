import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../core/random.ts'
import { dispersionIndex, gapVariation, gapsOf, lagCorrelation } from '../statistics/dispersion.ts'
import { arrivalProcessContract } from './arrival-process.contract.ts'
import { arrivalProcesses } from './index.ts'
import { fitClients, type ClientMix } from './client-mix.ts'
import { clientArrivals } from './clients.ts'
import { parseArrivals } from './parse-arrivals.ts'
import { traceArrivals } from './trace.ts'

const meanShares: Record<string, number> = { ramp: 0.5, step: 0.6, spike: 1.4 }
for (const arrivals of arrivalProcesses)
  arrivalProcessContract(arrivals, {
    meanShare: meanShares[arrivals.name] ?? 1,
    tolerance: ['on-off', 'clients'].includes(arrivals.name) ? 0.3 : 0.05,
  })

function generate(text: string, ratePerS: number, durationMs: number, seed = 1): Float64Array {
  const { arrivals, parameters } = parseArrivals(text)
  return arrivals.generate({ ratePerS, durationMs, random: createRandom(seed), parameters })
}

describe('arrival laws', () => {
  it('constant is constant: inference-perf draws exponential gaps under that name', () => {
    expect(gapVariation(generate('constant', 10, 100_000))).toBeLessThan(1e-9)
  })

  it('Poisson has dispersion 1 at 0.1, 1 and 10 s: GuideLLM repeats gaps across workers (up to 10.3)', () => {
    const times = generate('poisson', 100, 20_000_000)
    // Standard error of an index of dispersion over k bins: √(2/k).
    for (const [binMs, tolerance] of [
      [100, 0.02],
      [1000, 0.05],
      [10_000, 0.13],
    ] as const)
      expect(Math.abs(dispersionIndex(times, binMs, 20_000_000) - 1)).toBeLessThan(tolerance)
    expect(Math.abs(gapVariation(times) - 1)).toBeLessThan(0.01)
    expect(Math.abs(lagCorrelation(gapsOf(times)))).toBeLessThan(0.01)
  })

  it('Poisson is not rescaled to end on the second: vLLM halves the variance of counts so', () => {
    const counts = Array.from(
      { length: 2000 },
      (_, seed) => generate('poisson', 100, 10_000, seed).length,
    )
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
    const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length
    expect(variance / mean).toBeGreaterThan(0.9)
    expect(variance / mean).toBeLessThan(1.1)
  })

  it('Poisson gaps follow the exponential law (Kolmogorov–Smirnov)', () => {
    const gaps = gapsOf(generate('poisson', 1000, 100_000)).sort()
    let distance = 0
    gaps.forEach((gap, index) => {
      distance = Math.max(distance, Math.abs(1 - Math.exp(-gap) - (index + 0.5) / gaps.length))
    })
    expect(distance).toBeLessThan(1.95 / Math.sqrt(gaps.length))
  })

  it('exact-count Poisson has exactly so many', () => {
    expect(generate('poisson:count=exact', 7, 30_000)).toHaveLength(210)
  })

  it.each([0.3, 1, 3])('gamma has the coefficient of variation %d', (cv) => {
    expect(gapVariation(generate(`gamma:cv=${cv}`, 100, 4_000_000)) / cv).toBeCloseTo(1, 1)
  })

  it('Weibull of shape 0.6 has the coefficient of variation of that law', () => {
    expect(gapVariation(generate('weibull:shape=0.6', 100, 4_000_000))).toBeCloseTo(1.758, 1)
  })

  it('a spike is where it should be, and so high', () => {
    const times = generate('spike:factor=10,at=0.5,width=0.1', 100, 100_000)
    const inside = times.filter((time) => time >= 50_000 && time < 60_000).length
    expect(inside / 10_000).toBeCloseTo(1, 1)
  })
})

describe('trace', () => {
  const recordedMs = Float64Array.from([1000, 1001, 1002, 5000, 9000])
  const input = { durationMs: 100_000, random: createRandom(1), recordedMs, parameters: {} }

  it('keeps recorded times by default, from its own start', () => {
    const { timesMs, positions } = traceArrivals({ ...input, ratePerS: 99 })
    expect([...timesMs]).toEqual([0, 1, 2, 4000, 8000])
    expect([...positions]).toEqual([0, 1, 2, 3, 4])
  })
  it('stretches time to a rate', () => {
    const { timesMs } = traceArrivals({ ...input, ratePerS: 5, parameters: { scale: 'time' } })
    expect(timesMs.at(-1)).toBeCloseTo(800)
  })
  it('repeats requests at a higher rate and keeps the pace of bursts', () => {
    const { timesMs } = traceArrivals({ ...input, ratePerS: 1, parameters: { scale: 'rate' } })
    expect([...timesMs]).toEqual([0, 0, 1, 1, 2, 2, 4000, 4000, 8000, 8000])
  })
})

describe('parsing', () => {
  it('fills in defaults', () => {
    expect(parseArrivals('on-off:on=5s').parameters).toEqual({ on: 5000, off: 10_000, idle: 0 })
  })
  it.each([
    ['poison', /no arrival process/],
    ['gamma:cx=1', /no parameter "cx"/],
    ['gamma:cv=abc', /cv is a number/],
    ['gamma:cv=', /cv is a number/],
    ['gamma:cv=-1', /cv is a number from 0.01/],
    ['on-off:on=5', /on is a duration like .*, not "5"/],
    ['poisson:count=some', /one of random, exact/],
    ['gamma:cv', /no value/],
  ])('refuses %s', (text, message) => {
    expect(() => parseArrivals(text)).toThrow(message)
  })
})

describe('clients', () => {
  const mix: ClientMix = {
    clients: [
      { name: 'steady', weight: 3, cv: 0.5, law: 'gamma' },
      { name: 'bursty', weight: 1, cv: 3, law: 'gamma' },
      { name: 'tailed', weight: 1, cv: 2, law: 'weibull' },
    ],
    curve: null,
  }
  const parameters = parseArrivals('clients').parameters
  const arrive = (of: ClientMix | null, durationMs = 4_000_000) =>
    clientArrivals({ ratePerS: 10, durationMs, random: createRandom(5), parameters }, of)

  it('send their share, each with its own variation', () => {
    const { timesMs, clientOf } = arrive(mix)
    mix.clients.forEach(({ weight, cv }, client) => {
      const own = timesMs.filter((_, index) => clientOf[index] === client)
      expect(Math.abs(own.length / ((40_000 * weight) / 5) - 1)).toBeLessThan(0.1)
      expect(Math.abs(gapVariation(own) / cv - 1)).toBeLessThan(0.12)
    })
  })
  it('are found again in what they sent', () => {
    const { timesMs, clientOf } = arrive(mix)
    const names = [...clientOf].map((client) => mix.clients[client]!.name)
    const fitted = fitClients(timesMs, names)
    for (const { name, weight, cv } of fitted) {
      const truth = mix.clients.find((client) => client.name === name)!
      expect(Math.abs(weight / timesMs.length / (truth.weight / 5) - 1)).toBeLessThan(0.1)
      expect(Math.abs(cv / truth.cv - 1)).toBeLessThan(0.12)
    }
  })
  it('follow the rate of all over time', () => {
    const curve = { timesMs: [0, 1_000_000, 2_000_000], factors: [1, 0, 2] }
    const { timesMs } = arrive({ ...mix, curve }, 3_000_000)
    const within = (fromMs: number) =>
      timesMs.filter((time) => time >= fromMs && time < fromMs + 1_000_000).length
    expect(Math.abs(within(0) / 10_000 - 1)).toBeLessThan(0.15)
    expect(within(1_000_000)).toBe(0)
    expect(Math.abs(within(2_000_000) / 20_000 - 1)).toBeLessThan(0.15)
  })
  it('made up, are burstier together than their mean would be', () => {
    expect(dispersionIndex(arrive(null).timesMs, 10_000, 4_000_000)).toBeGreaterThan(1.5)
  })
})
