import { expect, it } from 'vitest'
import { createRandom } from './random.ts'

const draw = (seed: number, count: number) => {
  const random = createRandom(seed)
  return Array.from({ length: count }, random)
}

it('gives the same numbers for the same seed, everywhere and for ever', () => {
  expect(draw(1, 3)).toEqual([0.6270739405881613, 0.002735721180215478, 0.5274470399599522])
  expect(draw(20261123, 100)).toEqual(draw(20261123, 100))
  expect(draw(1, 10)).not.toEqual(draw(2, 10))
})

it('is even: ten bins, each within 5 % of its share', () => {
  const bins = Array<number>(10).fill(0)
  for (const value of draw(7, 100_000)) {
    expect(value >= 0 && value < 1).toBe(true)
    bins[Math.floor(value * 10)]!++
  }
  for (const count of bins) expect(Math.abs(count - 10_000)).toBeLessThan(500)
})
