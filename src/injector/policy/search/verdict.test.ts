import { describe, expect, it } from 'vitest'
import { createRandom, type Random } from '../../../core/random.ts'
import { drawExponential, drawNormal } from '../statistics/draw.ts'
import { quantile } from '../statistics/quantiles.ts'
import { compare, objections, type Pair } from './verdict.ts'

const pairs = 8
const requests = 600

/** Medians of a run in virtual time: same prompts for both arms, noise of each request, and luck of each run. */
function runMedians(prompts: readonly number[], random: Random, slower: number) {
  const luck = Math.exp(0.015 * drawNormal(random))
  const drawn = (base: (prompt: number) => number) =>
    quantile(
      Float64Array.from(
        prompts,
        (prompt) => base(prompt) * luck * Math.exp(0.2 * drawNormal(random)),
      ).sort(),
      0.5,
    )
  return { ttft: drawn((prompt) => (80 + 0.2 * prompt) * slower), tpot: drawn(() => 22 * slower) }
}

function experiment(seed: number, slower: number) {
  const random = createRandom(seed)
  const ttft: Pair[] = []
  const tpot: Pair[] = []
  let drift = 1
  for (let pair = 0; pair < pairs; pair++) {
    const prompts = Array.from({ length: requests }, () => 400 * drawExponential(random))
    drift *= Math.exp(0.01 * drawNormal(random))
    const a = runMedians(prompts, random, drift)
    const b = runMedians(prompts, random, drift * slower)
    ttft.push({ a: a.ttft, b: b.ttft })
    tpot.push({ a: a.tpot, b: b.tpot })
  }
  return compare([
    { name: 'ttft', isLowerBetter: true, pairs: ttft },
    { name: 'tpot', isLowerBetter: true, pairs: tpot },
  ])
}

describe('comparison in virtual time', () => {
  it('calls at most 16 of 200 equal arms different', () => {
    const different = Array.from({ length: 200 }, (_, seed) => experiment(seed + 1, 1)).filter(
      (verdicts) => verdicts.some(({ verdict }) => verdict === 'better' || verdict === 'worse'),
    )
    expect(different.length).toBeLessThanOrEqual(16)
    // The test itself can fail: with α = 0 nothing would ever be different.
    expect(different.length).toBeGreaterThan(0)
  })
  it.each(['ttft', 'tpot'])('finds 5 %% more of %s in at least 95 %% of the cases', (name) => {
    const found = Array.from({ length: 200 }, (_, seed) => experiment(seed + 1, 1.05)).filter(
      (verdicts) =>
        verdicts.some((verdict) => verdict.name === name && verdict.verdict === 'worse'),
    )
    expect(found.length).toBeGreaterThanOrEqual(190)
  })
  it('says better and worse the right way round, with an interval around the truth', () => {
    const [ttft] = experiment(3, 1 / 1.1)
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
    [{ isTrustworthy: false }, 5, [/not to be trusted/]],
  ])('%j with %d pairs', (change, count, expected) => {
    const found = objections(arm, { ...arm, ...change }, count)
    expect(found).toHaveLength(expected.length)
    expected.forEach((pattern, index) => expect(found[index]).toMatch(pattern))
  })
})
