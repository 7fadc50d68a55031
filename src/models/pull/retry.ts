import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../core/errors.ts'
import type { Transfer } from './transfer.ts'

const attemptsMax = 6
const delayMsMax = 15_000
const retryAfterMsMax = 120_000

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
      if (hasProgressed()) attempts = 1
      if (attempts >= attemptsMax) throw thrown
      const asked = Math.min((thrown.retryAfterS ?? 0) * 1000, retryAfterMsMax)
      const backOff = Math.min(retryDelayMs * 2 ** (attempts - 1), delayMsMax)
      await sleep(
        Math.max(asked, backOff * (0.5 + Math.random() / 2)),
        undefined,
        signal && { signal },
      )
    }
  }
}
