import { describe, expect, it } from 'vitest'
import { compare, objections, type Pair } from './verdict.ts'
import { isDifferent, virtualComparison } from './virtual-comparison.fixture.ts'

const seeds = Array.from({ length: 200 }, (_, index) => index + 1)

describe('comparison in virtual time', () => {
  it('calls at most 16 of 200 equal arms different', () => {
    const different = seeds.filter((seed) =>
      virtualComparison(seed, { ttft: 1, tpot: 1 }).some(isDifferent),
    )
    expect(different.length).toBeLessThanOrEqual(16)
    // The test itself can fail: with α = 0 nothing would ever be different.
    expect(different.length).toBeGreaterThan(0)
  })
  it.each([
    ['TTFT p50', { ttft: 1.05, tpot: 1 }],
    ['TPOT p50', { ttft: 1, tpot: 1.05 }],
  ])('finds a twentieth more of %s in at least 190 of 200 cases', (name, planted) => {
    const found = seeds.filter((seed) =>
      virtualComparison(seed, planted).some(
        (verdict) => verdict.name === name && verdict.verdict === 'worse',
      ),
    )
    expect(found.length).toBeGreaterThanOrEqual(190)
  })
  it('says better and worse the right way round, with an interval around the truth', () => {
    const [ttft] = virtualComparison(3, { ttft: 1 / 1.1, tpot: 1 })
    expect(ttft).toMatchObject({ verdict: 'better' })
    expect(ttft!.interval[0]).toBeLessThan(1 / 1.1)
    expect(ttft!.interval[1]).toBeGreaterThan(1 / 1.1)
  })
  it('tells equal from unknown', () => {
    const pair = (ratio: number): Pair => ({ a: 100, b: 100 * ratio })
    const of = (ratios: number[]) =>
      compare([{ name: 'x', isLowerBetter: true, pairs: ratios.map(pair) }])[0]!.verdict
    expect(of([1.001, 0.999, 1, 1.002, 0.998])).toBe('equivalent')
    expect(of([1.3, 0.7, 1.1, 0.9, 1.2])).toBe('no difference')
  })
})

describe('objections', () => {
  const arm = { inputTokens: 1000, outputTokens: 1000, failedShare: 0, isTrustworthy: true }
  it.each([
    [{}, 5, []],
    [{}, 4, [/pairs/]],
    [{ outputTokens: 900 }, 5, [/answers differ/]],
    [{ inputTokens: 1100 }, 5, [/prompts differ/]],
    [{ failedShare: 0.05 }, 5, [/failures differ/]],
  ])('%j with %d pairs', (change, count, expected) => {
    const found = objections(arm, { ...arm, ...change }, count)
    expect(found).toHaveLength(expected.length)
    expected.forEach((pattern, index) => expect(found[index]).toMatch(pattern))
  })
})
