import { describe, expect, it } from 'vitest'
import { resolveAccelerator } from '../accelerators/resolve-accelerator.ts'
import { breakEvenOf, priceOf, readPrices } from './prices.ts'

const h100 = resolveAccelerator('h100')!

describe('prices', () => {
  it('takes those of the user, else what is listed on demand, else says who could tell', () => {
    const book = readPrices({ h100: { spot: 1.2 } })
    expect(priceOf(h100, 'spot', book)).toEqual({ usdPerHour: 1.2, source: 'your price file' })
    expect(priceOf(h100, 'on-demand', book).usdPerHour).toBe(h100.priceUsdH)
    expect(priceOf(h100, 'reserved', book)).toMatchObject({ usdPerHour: null })
  })

  it('spreads what was bought over its years, with power', () => {
    const owned = { priceUsd: 35_040, years: 4, usdPerKwh: 0.1, pue: 1.5 }
    const book = readPrices({ h100: { owned } })
    // A dollar an hour, and 0.7 kW × 1.5 × 0.1.
    expect(priceOf(h100, 'owned', book).usdPerHour).toBeCloseTo(1.105, 5)
    expect(breakEvenOf(h100, book)).toBeCloseTo(35_040 / (h100.priceUsdH! - 0.105), 3)
    expect(breakEvenOf(h100, new Map())).toBeNull()
  })

  it.each([
    [null],
    [[]],
    [{ h100: 3 }],
    [{ h100: { monthly: 3 } }],
    [{ h100: { spot: -1 } }],
    [{ h100: { owned: {} } }],
  ])('refuses %j with a code', (json) => {
    expect(() => readPrices(json)).toThrow(expect.objectContaining({ code: 'planner/bad-request' }))
  })
})
