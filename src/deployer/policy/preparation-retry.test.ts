import { describe, expect, it } from 'vitest'
import { isLasting, retryAfterMs } from './preparation-retry.ts'

const pauses = (code: Parameters<typeof retryAfterMs>[0], count: number): number[] =>
  Array.from({ length: count }, (_, at) => retryAfterMs(code, at + 1, undefined) / 1000)

describe('when a model is asked for again', () => {
  it('is soon after a network failed, and ever later', () => {
    expect(pauses('model/download-failed', 9)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300])
  })

  it('is seldom where a person has to do something', () => {
    expect(pauses('model/forbidden', 4)).toEqual([300, 600, 1200, 1800])
  })

  it('is very seldom where each try fetches all of it again', () => {
    const day = pauses('model/checksum', 20).filter(
      (_, at, all) => all.slice(0, at).reduce((sum, one) => sum + one, 0) < 86_400,
    )
    expect(day.length).toBeLessThan(10)
  })

  it('is never before the source allows it', () => {
    expect(retryAfterMs('model/download-failed', 1, 90)).toBe(90_000)
  })

  it('is not worth waiting for where only a person can mend it', () => {
    expect(isLasting('model/not-found')).toBe(true)
    expect(isLasting('machine/disk-full')).toBe(true)
    expect(isLasting('model/busy')).toBe(false)
    expect(isLasting('model/download-failed')).toBe(false)
    expect(isLasting('internal/unexpected')).toBe(false)
  })
})
