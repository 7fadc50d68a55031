import { describe, expect, it } from 'vitest'
import { AppError } from '../../core/errors.ts'
import { judgeHealth } from './health.ts'

describe('health', () => {
  it('tells how far loading is', () => {
    expect(judgeHealth({ kind: 'loading', share: 0.418 }, null, 0)).toEqual({
      status: 503,
      body: { state: 'loading', reason: 'loading the model, 41 %' },
    })
  })

  it('tells a model that stands still from one that works or has nothing to do', () => {
    const ready = { kind: 'ready' } as const
    expect(judgeHealth(ready, null, 1e9).status).toBe(200)
    expect(judgeHealth(ready, 1000, 31_000).status).toBe(200)
    expect(judgeHealth(ready, 1000, 101_000)).toMatchObject({
      status: 503,
      body: { state: 'stalled', reason: 'the model has not moved for 100 s' },
    })
  })

  it('gives the code of what went wrong', () => {
    const error = new AppError('engine/bad-model', { message: 'cut short' })
    expect(judgeHealth({ kind: 'failed', error }, null, 0)).toEqual({
      status: 500,
      body: { state: 'failed', reason: 'cut short', code: 'engine/bad-model' },
    })
  })
})
