import { describe, expect, it } from 'vitest'
import { AppError, catalogue, invariant, toAppError, type ErrorEntry } from './errors.ts'

describe('the catalogue', () => {
  it.each(Object.entries<ErrorEntry>(catalogue))('%s is complete', (code, entry) => {
    expect(code).toMatch(/^[a-z]+\/[a-z]+(-[a-z]+)*$/)
    expect(entry.status).toBeGreaterThanOrEqual(400)
    expect(entry.status).toBeLessThan(600)
    expect(entry.hint).toMatch(/[.…]$/)
    // Clients of OpenAI's protocol decide by these two whose fault it was.
    expect(entry.type === 'server_error').toBe(entry.status >= 500)
  })
})

describe('AppError', () => {
  it('carries what its code says', () => {
    const cause = new Error('why')
    const error = new AppError('engine/busy', { message: 'full', retryAfterS: 3, cause })
    expect(error).toMatchObject({
      code: 'engine/busy',
      message: 'full',
      status: 503,
      type: 'server_error',
      retryable: true,
      retryAfterS: 3,
      param: undefined,
      cause,
    })
    expect(error.hint).toBe(catalogue['engine/busy'].hint)
  })

  it('lets the place give a better hint', () => {
    const detail = { message: 'x', hint: 'Do this.', param: 'model' }
    expect(new AppError('request/invalid', detail)).toMatchObject({
      hint: 'Do this.',
      param: 'model',
    })
  })

  it('has no cause where none was given', () => {
    expect('cause' in new AppError('request/invalid', { message: 'x' })).toBe(false)
  })
})

describe('toAppError', () => {
  it('keeps a coded error', () => {
    const error = new AppError('key/unknown', { message: 'x' })
    expect(toAppError(error)).toBe(error)
  })

  it('knows a full disk', () => {
    const thrown = Object.assign(new Error('no space left on device, write'), { code: 'ENOSPC' })
    expect(toAppError(thrown)).toMatchObject({ code: 'machine/disk-full', cause: thrown })
  })

  it.each([
    [new TypeError('oops'), 'oops'],
    ['plain text', 'plain text'],
    [undefined, 'undefined'],
  ])('takes %s for a bug, and keeps it', (thrown, message) => {
    const error = toAppError(thrown)
    expect(error).toMatchObject({ code: 'internal/unexpected', message, status: 500 })
    if (thrown !== undefined) expect(error.cause).toBe(thrown)
  })
})

it('invariant passes what holds and names what does not', () => {
  expect(() => invariant(1, 'one is')).not.toThrow()
  expect(() => invariant(0, 'zero is')).toThrow('invariant: zero is')
})
