import { expect, test } from 'vitest'
import { AppError } from '../../core/errors.ts'
import { failed } from './http.ts'
import { pauseMs, retrying } from './retry.ts'
import type { Transfer } from './transfer.ts'

const transfer: Transfer = {
  partialDirectory: '',
  onProgress: () => undefined,
  signal: undefined,
  dispatcher: undefined,
  retryDelayMs: 0,
  silenceMs: 1000,
  freeBytes: () => Promise.resolve(0),
  makeRoom: () => Promise.resolve(),
}
const failure = new AppError('model/download-failed', { message: 'no' })

test('the pause doubles up to a limit, and never undercuts what the server asks', () => {
  const pauses = [1, 2, 3, 10].map((attempts) => pauseMs(attempts, 500, undefined, 1))
  expect(pauses).toEqual([500, 1000, 2000, 15_000])
  expect(pauseMs(1, 500, undefined, 0)).toBe(250)
  expect(pauseMs(1, 500, 30, 0)).toBe(30_000)
  expect(pauseMs(1, 500, 86_400, 0)).toBe(120_000)
})

test('gives up after six attempts that brought nothing', async () => {
  let attempts = 0
  const attempt = (): Promise<void> => {
    attempts++
    return Promise.reject(failure)
  }
  await expect(retrying(attempt, transfer)).rejects.toBe(failure)
  expect(attempts).toBe(6)
})

test('goes on as long as each attempt brings something', async () => {
  let attempts = 0
  const attempt = (): Promise<string> =>
    ++attempts < 20 ? Promise.reject(failure) : Promise.resolve('all of it')
  expect(await retrying(attempt, transfer, () => true)).toBe('all of it')
})

test('does not repeat what would fail again', async () => {
  const untrusted = Object.assign(new Error('no'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' })
  for (const final of [
    new AppError('model/not-found', { message: 'no' }),
    failed(new URL('https://hub.example/x'), 'no', untrusted),
  ]) {
    let attempts = 0
    const attempt = (): Promise<void> => {
      attempts++
      return Promise.reject(final)
    }
    await expect(retrying(attempt, transfer)).rejects.toBe(final)
    expect(attempts).toBe(1)
  }
  expect(failed(new URL('https://hub.example/x'), 'no', untrusted).hint).toContain('CA_CERTS')
})

test('a pause ends when the signal says so', async () => {
  const abort = new AbortController()
  const attempt = (): Promise<void> => {
    setTimeout(() => abort.abort(new Error('enough')), 10)
    return Promise.reject(failure)
  }
  const patient = { ...transfer, retryDelayMs: 60_000, signal: abort.signal }
  await expect(retrying(attempt, patient)).rejects.toThrow('enough')
})
