import { describe, expect, it } from 'vitest'
import { createRandom } from '../../core/random.ts'
import { firstTokenMoments, placeWait, quantile, shareBelow, tailOf, z } from './tails.ts'

describe('tailOf', () => {
  it('keeps order and mean', () => {
    const tail = tailOf({ mean: 100, variance: 2500 })
    expect(tail.mean).toBe(100)
    expect(tail.p50).toBeLessThan(100)
    expect(tail.p95).toBeLessThan(tail.p99)
  })

  it('is a point without variance', () => {
    expect(tailOf({ mean: 7, variance: 0 })).toEqual({ mean: 7, p50: 7, p95: 7, p99: 7 })
    expect(shareBelow({ mean: 7, variance: 0 }, 6.9)).toBe(0)
  })

  it('says the share below its own quantile', () => {
    const moments = { mean: 20, variance: 300 }
    expect(shareBelow(moments, quantile(moments, z.p95))).toBeCloseTo(0.95, 4)
  })
})

describe('placeWait', () => {
  it('is what a queue with many places shows', () => {
    // Simulated: 20 places, exponential times, load 0.9.
    const waits = simulateQueue(20, 18, 40_000)
    const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length
    expect(placeWait(18, 20, 1).mean / mean).toBeGreaterThan(0.75)
    expect(placeWait(18, 20, 1).mean / mean).toBeLessThan(1.35)
  })

  it('is nothing with room, and without end where none is', () => {
    expect(placeWait(1, 100, 1000).mean).toBeLessThan(1e-6)
    expect(placeWait(5, 5, 1000).mean).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('firstTokenMoments', () => {
  it('foresees the tail of prompts that wait for one another', () => {
    // One server that is busy half of the time with prompts of lognormal length; then a step of 20 ms begins.
    const spread = 0.8
    const random = createRandom(7)
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    const log = Math.log(1 + spread * spread)
    let free = 0
    let now = 0
    const seen: number[] = []
    let waited = 0
    for (let at = 0; at < 40_000; at++) {
      now += -Math.log(1 - random()) * 80
      const own = 40 * Math.exp(normal() * Math.sqrt(log) - log / 2)
      const start = Math.max(now, free)
      waited += start - now
      free = start + own
      seen.push(free - now + random() * 20)
    }
    const queueMs = waited / seen.length
    const moments = firstTokenMoments({
      meanMs: 50 + queueMs,
      promptMs: 40,
      prompt: { mean: 1000, spread },
      stepMs: 20,
      queueMs,
      busy: 0.5,
      place: { mean: 0, variance: 0 },
    })
    const sorted = seen.toSorted((a, b) => a - b)
    for (const [name, share] of [
      ['p50', 0.5],
      ['p95', 0.95],
      ['p99', 0.99],
    ] as const) {
      const ratio = quantile(moments, z[name]) / sorted[Math.floor(share * sorted.length)]!
      expect(ratio, name).toBeGreaterThan(0.8)
      expect(ratio, name).toBeLessThan(1.25)
    }
  })
})

function simulateQueue(places: number, offered: number, count: number): number[] {
  const random = createRandom(3)
  const exponential = (mean: number) => -Math.log(1 - random()) * mean
  const free = Array.from({ length: places }, () => 0)
  let now = 0
  return Array.from({ length: count }, () => {
    now += exponential(1 / offered)
    const first = free.indexOf(Math.min(...free))
    const start = Math.max(now, free[first]!)
    free[first] = start + exponential(1)
    return start - now
  })
}
