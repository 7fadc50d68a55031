/**
 * Keeps requests away from a replica that fails. Closed: all pass. Open: none, for a while that doubles each time.
 * Half-open: one at a time, until enough of them succeed.
 */
export interface Breaker {
  state: 'closed' | 'open' | 'half-open'
  consecutiveFailures: number
  consecutiveSuccesses: number
  /** Of the current interval. */
  requests: number
  failures: number
  intervalEndsMs: number
  openUntilMs: number
  /** How long it stays open next time. */
  openMs: number
  isProbing: boolean
}

/** `refused`: nothing listens there, which one answer proves. `failed`: it broke, was silent or said so. */
export type Verdict = 'ok' | 'failed' | 'refused'

/** Between LiteLLM's 3 and SMG's 10 consecutive failures. */
const consecutiveFailuresMax = 5
/** More than half of at least 20 requests in 10 s: LiteLLM's share, Helicone's least count. */
const failureShareMax = 0.5
const requestsMin = 20
const intervalMs = 10_000
/** SMG's health check takes 2 good answers as well. */
const successesToClose = 2
const openMsFirst = 1000
/** SMG: 60 s, LiteLLM: 5 s. A restarted engine is a new replica, so only a sick one waits this long. */
const openMsMax = 30_000

export const createBreaker = (): Breaker => ({
  state: 'closed',
  consecutiveFailures: 0,
  consecutiveSuccesses: 0,
  requests: 0,
  failures: 0,
  intervalEndsMs: 0,
  openUntilMs: 0,
  openMs: openMsFirst,
  isProbing: false,
})

/** Whether a request may pass now. */
export function isAvailable(breaker: Breaker, nowMs: number): boolean {
  if (breaker.state === 'closed') return true
  if (breaker.state === 'open') return nowMs >= breaker.openUntilMs
  return !breaker.isProbing
}

/** To be called for each request that is sent. */
export function noteSent(breaker: Breaker): void {
  if (breaker.state === 'closed') return
  breaker.state = 'half-open'
  breaker.isProbing = true
}

/** To be called once for each request sent. `null`: it ended without telling anything, say cancelled. */
export function noteVerdict(breaker: Breaker, verdict: Verdict | null, nowMs: number): void {
  breaker.isProbing = false
  if (verdict === null) return
  if (verdict === 'ok') return noteSuccess(breaker, nowMs)
  countRequest(breaker, nowMs)
  breaker.failures++
  breaker.consecutiveFailures++
  breaker.consecutiveSuccesses = 0
  if (breaker.state === 'open') return
  const isTooOften =
    breaker.consecutiveFailures >= consecutiveFailuresMax ||
    (breaker.requests >= requestsMin && breaker.failures > breaker.requests * failureShareMax)
  if (verdict === 'refused' || breaker.state === 'half-open' || isTooOften) open(breaker, nowMs)
}

function noteSuccess(breaker: Breaker, nowMs: number): void {
  countRequest(breaker, nowMs)
  breaker.consecutiveFailures = 0
  if (breaker.state === 'closed') return
  breaker.consecutiveSuccesses++
  if (breaker.state === 'half-open' && breaker.consecutiveSuccesses >= successesToClose)
    Object.assign(breaker, createBreaker())
}

function countRequest(breaker: Breaker, nowMs: number): void {
  if (nowMs >= breaker.intervalEndsMs) {
    breaker.intervalEndsMs = nowMs + intervalMs
    breaker.requests = 0
    breaker.failures = 0
  }
  breaker.requests++
}

function open(breaker: Breaker, nowMs: number): void {
  breaker.state = 'open'
  breaker.openUntilMs = nowMs + breaker.openMs
  breaker.openMs = Math.min(breaker.openMs * 2, openMsMax)
  breaker.consecutiveSuccesses = 0
  breaker.consecutiveFailures = 0
}
