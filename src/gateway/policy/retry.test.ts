import { describe, expect, it } from 'vitest'
import { estimateTokens } from './estimate.ts'
import { attemptsMax, mayRetry, verdictOf } from './retry.ts'
import { createShedding, observeLoop } from './shed.ts'

describe('retry', () => {
  const status = (value: number) => ({ kind: 'status', status: value }) as const

  it.each([429, 500, 502, 503, 504])('tries %i elsewhere', (value) =>
    expect(mayRetry(status(value), 1)).toBe(true),
  )
  it.each([400, 401, 404, 408, 422, 501])('leaves %i to the client', (value) =>
    expect(mayRetry(status(value), 1)).toBe(false),
  )
  it('stops after three attempts, and after two that broke', () => {
    expect(mayRetry({ kind: 'refused' }, attemptsMax - 1)).toBe(true)
    expect(mayRetry({ kind: 'refused' }, attemptsMax)).toBe(false)
    expect(mayRetry({ kind: 'broken' }, 1)).toBe(true)
    expect(mayRetry({ kind: 'broken' }, 2)).toBe(false)
    expect(mayRetry({ kind: 'timeout' }, 1)).toBe(false)
  })
  it('takes a full queue for health', () => {
    expect([429, 503, 400].map((value) => verdictOf(status(value)))).toEqual(['ok', 'ok', 'ok'])
    expect([500, 502, 504].map((value) => verdictOf(status(value)))).toEqual([
      'failed',
      'failed',
      'failed',
    ])
  })
})

describe('estimate', () => {
  it('reserves the prompt and all answers', () =>
    expect(estimateTokens(400, { maxTokens: 50, n: 2 }, 10)).toBe(200))
  it('guesses where the answer has no bound, but never beyond the limit', () => {
    expect(estimateTokens(400, { maxTokens: null, n: 1 }, null)).toBe(612)
    expect(estimateTokens(400, { maxTokens: null, n: 1 }, 300)).toBe(300)
    expect(estimateTokens(4000, { maxTokens: null, n: 1 }, 300)).toBe(1000)
  })
  it('knows that embeddings have no answer', () => expect(estimateTokens(401, null, 1)).toBe(101))
})

describe('shedding', () => {
  const bad = { lagMsP99: 80, cores: 0.99 }
  const good = { lagMsP99: 1, cores: 0.4 }
  function after(windows: readonly { lagMsP99: number; cores: number }[]): number {
    const shedding = createShedding()
    for (const window of windows) observeLoop(shedding, window)
    return shedding.share
  }

  it('begins with the second bad window and grows by tenths, never to all', () => {
    expect(after([bad])).toBe(0)
    expect(after([bad, bad])).toBeCloseTo(0.1)
    expect(after([bad, bad, bad])).toBeCloseTo(0.2)
    expect(after(Array(50).fill(bad))).toBe(0.9)
  })
  it('is not for a machine that is busy with something else', () =>
    expect(after(Array(9).fill({ lagMsP99: 500, cores: 0.5 }))).toBe(0))
  it('is, whatever the reason, where the loop is a second late', () =>
    expect(after(Array(9).fill({ lagMsP99: 1500, cores: 0.1 }))).toBeGreaterThan(0.5))
  it('ends soon', () => expect(after([...Array(20).fill(bad), ...Array(5).fill(good)])).toBe(0))
})
