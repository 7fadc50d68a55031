import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBreaker, isAvailable, noteSent, noteVerdict, type Verdict } from './breaker.ts'

function send(breaker = createBreaker(), verdicts: readonly (Verdict | null)[], nowMs = 0) {
  for (const verdict of verdicts) {
    noteSent(breaker)
    noteVerdict(breaker, verdict, nowMs)
  }
  return breaker
}
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

describe('breaker', () => {
  it('opens at the fifth failure in a row, not at the fourth', () => {
    expect(send(undefined, times(4, 'failed')).state).toBe('closed')
    expect(send(undefined, times(5, 'failed')).state).toBe('open')
    expect(
      send(undefined, [...times(4, 'failed' as const), 'ok', ...times(4, 'failed' as const)]).state,
    ).toBe('closed')
  })

  it('opens at once where nothing listens', () =>
    expect(send(undefined, ['refused']).state).toBe('open'))

  it('opens when more than half of twenty fail', () => {
    const mixed = times(7, ['ok', 'failed', 'failed'] as const).flat()
    expect(send(undefined, mixed.slice(0, 18)).state).toBe('closed')
    expect(send(undefined, mixed).state).toBe('open')
  })

  it('forgets failures of an earlier interval', () => {
    const breaker = send(undefined, times(9, ['ok', 'failed'] as const).flat())
    expect(send(breaker, ['failed', 'failed'], 11_000).state).toBe('closed')
  })

  it('lets one through after a second, and closes after two good ones', () => {
    const breaker = send(undefined, ['refused'])
    expect(isAvailable(breaker, 999)).toBe(false)
    expect(isAvailable(breaker, 1000)).toBe(true)
    noteSent(breaker)
    expect(isAvailable(breaker, 1000)).toBe(false)
    noteVerdict(breaker, 'ok', 1001)
    expect([breaker.state, isAvailable(breaker, 1001)]).toEqual(['half-open', true])
    send(breaker, ['ok'], 1002)
    expect(breaker.state).toBe('closed')
  })

  it('stays open twice as long after each failed try, up to 30 s', () => {
    const breaker = send(undefined, ['refused'])
    const openMs = times(7, 0).map(() => {
      const nowMs = breaker.openUntilMs
      send(breaker, ['failed'], nowMs)
      return breaker.openUntilMs - nowMs
    })
    expect(openMs).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  })

  it('learns nothing from a cancelled try, and can try again', () => {
    const breaker = send(undefined, ['refused'])
    send(breaker, [null], 1000)
    expect([breaker.state, isAvailable(breaker, 1000)]).toEqual(['half-open', true])
  })

  it('always lets a request through again some time', () => {
    const verdicts = fc.array(fc.constantFrom<Verdict | null>('ok', 'failed', 'refused', null))
    fc.assert(
      fc.property(verdicts, fc.nat(60_000), (all, stepMs) => {
        const breaker = createBreaker()
        all.forEach((verdict, at) => send(breaker, [verdict], at * stepMs))
        expect(isAvailable(breaker, all.length * stepMs + 30_000)).toBe(true)
      }),
    )
  })
})
