import { expect, it } from 'vitest'
import { systemClock } from './clock.ts'

it('tells the wall clock, and a time that never goes back', () => {
  expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1000)
  let previousMs = systemClock.monotonicMs()
  for (let look = 0; look < 1000; look++) {
    const nowMs = systemClock.monotonicMs()
    expect(nowMs).toBeGreaterThanOrEqual(previousMs)
    previousMs = nowMs
  }
})
