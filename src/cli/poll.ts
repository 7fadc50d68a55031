import { setTimeout as delay } from 'node:timers/promises'
import { AppError } from '../core/errors.ts'

/** Looks again and again until the look returns something. Errors: `cli/timeout`, `cli/interrupted`. */
export async function poll<T>(
  what: string,
  look: () => Promise<T | undefined>,
  options: {
    timeoutMs: number
    everyMs: number
    interrupt: AbortSignal
    /** Asked after each look: the wait begins anew. */
    hasMoved?: () => boolean
  },
): Promise<T> {
  let deadlineMs = performance.now() + options.timeoutMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (options.hasMoved?.()) deadlineMs = performance.now() + options.timeoutMs
    if (performance.now() >= deadlineMs)
      throw new AppError('cli/timeout', { message: `gave up waiting until ${what}` })
    await pause(options.everyMs, options.interrupt)
  }
}

/** Error: `cli/interrupted`. */
export async function pause(durationMs: number, interrupt: AbortSignal): Promise<void> {
  await delay(durationMs, undefined, { signal: interrupt }).catch((cause: unknown) => {
    throw new AppError('cli/interrupted', { message: 'interrupted', cause })
  })
}
