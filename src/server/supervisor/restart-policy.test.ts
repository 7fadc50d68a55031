import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decideRestart,
  isFrozen,
  isLateTick,
  noHistory,
  type RunHistory,
} from './restart-policy.ts'

const end = (history: RunHistory, durationMs: number, wasReady = true) => {
  const decision = decideRestart(history, { durationMs, wasReady })
  if (decision.kind === 'give-up') throw new Error(decision.reason)
  return decision
}

describe('decideRestart', () => {
  it('doubles the delay from 100 ms, up to 10 s where it did not get ready, else to 2 s', () => {
    const delaysOf = (wasReady: boolean): number[] => {
      let history: RunHistory = { failures: 0, wasEverReady: true }
      return Array.from({ length: 9 }, () => {
        const decision = end(history, 50, wasReady)
        history = decision.history
        return decision.delayMs
      })
    }
    expect(delaysOf(false)).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
    expect(delaysOf(true)).toEqual([100, 200, 400, 800, 1600, 2000, 2000, 2000, 2000])
  })

  it('starts afresh after a healthy run', () => {
    const { history } = end(end(end(noHistory, 50).history, 50).history, 50)
    expect(end(history, 29_999).delayMs).toBe(800)
    expect(end(history, 30_000).delayMs).toBe(100)
  })

  it('gives up on a child that was never ready, after five runs', () => {
    let history = noHistory
    for (let run = 0; run < 4; run++) history = end(history, 50, false).history
    expect(decideRestart(history, { durationMs: 50, wasReady: false })).toEqual({
      kind: 'give-up',
      reason: 'ended 5 times in a row without ever being ready',
    })
    expect(decideRestart(history, { durationMs: 50, wasReady: true }).kind).toBe('restart')
  })

  it('never gives up on one that was ready once, and never waits longer than 10 s', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { minLength: 1, maxLength: 60 }), (durations) => {
        let history: RunHistory = { failures: 0, wasEverReady: true }
        for (const durationMs of durations) {
          const decision = end(history, durationMs, false)
          history = decision.history
          expect(decision.delayMs).toBeGreaterThanOrEqual(100)
          expect(decision.delayMs).toBeLessThanOrEqual(10_000)
        }
      }),
    )
  })
})

describe('isFrozen', () => {
  it('allows five seconds of silence once heard, thirty before', () => {
    expect(isFrozen({ startedAtMs: 0, heardAtMs: 1000 }, 6000)).toBe(false)
    expect(isFrozen({ startedAtMs: 0, heardAtMs: 1000 }, 6001)).toBe(true)
    expect(isFrozen({ startedAtMs: 0, heardAtMs: null }, 30_000)).toBe(false)
    expect(isFrozen({ startedAtMs: 0, heardAtMs: null }, 30_001)).toBe(true)
  })
})

it('takes its own sleep for no one else’s silence', () => {
  expect(isLateTick(0, 600)).toBe(false)
  expect(isLateTick(0, 60_000)).toBe(true)
})
