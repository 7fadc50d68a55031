import { describe, expect, it } from 'vitest'
import { afterFailure, type Restarts } from './back-off.ts'

describe('the pause before another start', () => {
  it('waits four seconds at most for one that was ready: it can start', () => {
    const failure = { specHash: 'v1', readyMs: 0, reason: 'ended with code 1' }
    let restarts: Restarts | undefined
    for (let count = 0; count < 8; count++)
      restarts = afterFailure(restarts, { ...failure, readyMs: 500 }, count * 10_000)
    expect(restarts!.retryAtMs).toBe(74_000)
    expect(afterFailure(restarts, failure, 80_000).retryAtMs).toBe(140_000)
  })

  it('counts siblings that fail together once, and forgets after a minute of health', () => {
    const failure = { specHash: 'v1', readyMs: 0, reason: 'x' }
    const first = afterFailure(undefined, failure, 0)
    expect(afterFailure(first, failure, 500)).toMatchObject({
      failures: 1,
      total: 2,
      retryAtMs: 1000,
    })
    const third = afterFailure(afterFailure(first, failure, 2000), failure, 10_000)
    expect(third.failures).toBe(3)
    expect(afterFailure(third, { ...failure, readyMs: 60_000 }, 99_000).failures).toBe(1)
  })
})
