import type { Verdict } from './breaker.ts'

/** How one attempt failed before a byte had reached the client. */
export type AttemptFailure =
  /** Nothing listens at the address. */
  | { readonly kind: 'refused' }
  /** The connection broke, or the engine was silent too long. */
  | { readonly kind: 'broken' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'status'; readonly status: number }

/** One and two more, like the two retries of OpenAI's client. */
export const attemptsMax = 3

/** A request that brings engines down should not get to all of them. */
const brokenMax = 2

/**
 * Statuses that another replica may answer differently: Portkey's list. 429 is an engine's full queue here, since
 * the key's own limits are the gateway's. 408 and other 4xx say something about the request.
 */
const retryable = new Set([429, 500, 502, 503, 504])

/** Same request to another replica, or later to one that has become ready? */
export function mayRetry(failure: AttemptFailure, attempts: number): boolean {
  if (attempts >= attemptsMax) return false
  // The engine has had its whole time; the client waits no second one.
  if (failure.kind === 'timeout') return false
  if (failure.kind === 'broken') return attempts < brokenMax
  return failure.kind === 'refused' || retryable.has(failure.status)
}

/** A full queue is health, not sickness. */
export function verdictOf(failure: AttemptFailure): Verdict {
  if (failure.kind === 'refused') return 'refused'
  if (failure.kind !== 'status') return 'failed'
  return failure.status >= 500 && failure.status !== 503 ? 'failed' : 'ok'
}

/**
 * Whether the same replica may be asked again, or a new one waited for: nothing was there to take the request, or the
 * connection was lost, as an idle one is when both sides use it at the same moment.
 */
export const isConnectionLost = (failure: AttemptFailure): boolean =>
  failure.kind === 'refused' || failure.kind === 'broken'

/** `x-should-retry: false` where the gateway has already tried again, so that attempts don't multiply. */
export const tellNoRetry = (attempts: number): boolean => attempts > 1
