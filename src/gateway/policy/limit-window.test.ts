import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addUse, createLimitWindow, emptyInMs, freeInMs, refund, usedIn } from './limit-window.ts'

const startMs = 1_700_000_000_000

describe('limit window', () => {
  it('counts a use for a minute and not for ever', () => {
    const window = createLimitWindow()
    addUse(window, startMs, 3)
    expect(usedIn(window, startMs + 59_999)).toBe(3)
    expect(usedIn(window, startMs + 61_000)).toBe(0)
  })

  it('says when so much is free again', () => {
    const window = createLimitWindow()
    addUse(window, startMs, 2)
    addUse(window, startMs + 10_000, 1)
    expect(freeInMs(window, startMs + 20_000, 2)).toBe(41_000)
    expect(freeInMs(window, startMs + 20_000, 3)).toBe(51_000)
    expect(freeInMs(window, startMs + 20_000, 4)).toBeNull()
    expect(emptyInMs(window, startMs + 20_000)).toBe(51_000)
  })

  it('gives a refund only as long as the use itself counts', () => {
    const window = createLimitWindow()
    addUse(window, startMs, 1000)
    refund(window, startMs + 59_000, 60, 990)
    expect(usedIn(window, startMs + 59_000)).toBe(10)
    addUse(window, startMs + 59_000, 990)
    expect(usedIn(window, startMs + 61_000)).toBe(990)
  })

  it('lets a clock that goes back only stand still', () => {
    const window = createLimitWindow()
    addUse(window, startMs, 1)
    addUse(window, startMs - 5000, 1)
    expect(usedIn(window, startMs - 5000)).toBe(2)
    expect(usedIn(window, startMs + 60_000)).toBe(2)
    expect(usedIn(window, startMs + 61_000)).toBe(0)
  })

  it('never counts less than what was really used in any 60 s', () => {
    const step = fc.record({ waitMs: fc.integer({ min: 0, max: 9000 }), amount: fc.nat(5) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const window = createLimitWindow()
        const uses: { atMs: number; amount: number }[] = []
        let nowMs = startMs
        for (const { waitMs, amount } of steps) {
          nowMs += waitMs
          addUse(window, nowMs, amount)
          uses.push({ atMs: nowMs, amount })
          const recent = uses.filter(({ atMs }) => atMs > nowMs - 60_000)
          const real = recent.reduce((sum, use) => sum + use.amount, 0)
          expect(usedIn(window, nowMs)).toBeGreaterThanOrEqual(real)
        }
      }),
    )
  })
})
