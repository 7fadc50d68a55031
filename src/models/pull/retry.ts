import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../core/errors.ts'
import { isCertificateError } from './certificate.ts'
import type { Transfer } from './transfer.ts'

const attemptsMax = 6
const pauseMsMax = 15_000
/** A server that asks for more is better tried by hand. */
const askedMsMax = 120_000

/**
 * Repeats what fails with model/download-failed, waiting longer each time or as long as the server asks.
 * `hasProgressed`: whether the last attempt brought anything, for then patience starts anew.
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  { signal, retryDelayMs }: Transfer,
  hasProgressed: () => boolean = () => false,
): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    signal?.throwIfAborted()
    try {
      return await attempt()
    } catch (thrown) {
      signal?.throwIfAborted()
      if (!(thrown instanceof AppError) || thrown.code !== 'model/download-failed') throw thrown
      if (isCertificateError(thrown)) throw thrown
      if (hasProgressed()) attempts = 1
      if (attempts >= attemptsMax) throw thrown
      const waitMs = pauseMs(attempts, retryDelayMs, thrown.retryAfterS, Math.random())
      await sleep(waitMs, undefined, signal && { signal }).catch(() => undefined)
    }
  }
}

/** Doubles with each attempt, spread over half of itself so that many clients don't come back at once. */
export function pauseMs(
  attempts: number,
  firstMs: number,
  askedS: number | undefined,
  random: number,
): number {
  const backOffMs = Math.min(firstMs * 2 ** (attempts - 1), pauseMsMax)
  const askedMs = Math.min((askedS ?? 0) * 1000, askedMsMax)
  return Math.max(askedMs, backOffMs * (0.5 + random / 2))
}
