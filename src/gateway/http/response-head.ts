import type { Lease } from '../policy/lease.ts'
import type { Timeline } from './timeline.ts'

/** Names and values in turn, as `writeHead` takes them without building an object. */
export type HeaderList = string[]

/** What is left of the key's limits, in OpenAI's words. */
export function addLimitHeaders(headers: HeaderList, lease: Lease, nowMs: number): void {
  const { requestsPerMinute, tokensPerMinute } = lease.limits
  if (requestsPerMinute !== null)
    headers.push(
      'x-ratelimit-limit-requests',
      `${requestsPerMinute}`,
      'x-ratelimit-remaining-requests',
      `${lease.requestsRemaining}`,
      'x-ratelimit-reset-requests',
      formatReset(lease.resetRequestsAtMs - nowMs),
    )
  if (tokensPerMinute !== null)
    headers.push(
      'x-ratelimit-limit-tokens',
      `${tokensPerMinute}`,
      'x-ratelimit-remaining-tokens',
      `${lease.tokensRemaining}`,
      'x-ratelimit-reset-tokens',
      formatReset(lease.resetTokensAtMs - nowMs),
    )
}

/** Who worked on it, how often it was tried, and where the time went. */
export function addWorkHeaders(
  headers: HeaderList,
  replica: string,
  attempts: number,
  times: Timeline,
  nowMs: number,
): void {
  const elapsedMs = nowMs - times.bodyAtMs
  headers.push(
    'openai-processing-ms',
    `${Math.round(elapsedMs)}`,
    'x-baleen-replica',
    replica,
    'x-baleen-attempts',
    `${attempts}`,
    'server-timing',
    `hold;dur=${formatTiming(times.holdMs)}, upstream;dur=${formatTiming(elapsedMs - times.holdMs)}`,
  )
}

/** Both forms: seconds for everybody, milliseconds for OpenAI's clients, which look there first. */
export function addRetryHeaders(
  headers: HeaderList,
  retryAfterMs: number | null,
  shouldRetry: boolean | null,
): void {
  if (retryAfterMs !== null)
    headers.push(
      'retry-after',
      `${Math.max(1, Math.ceil(retryAfterMs / 1000))}`,
      'retry-after-ms',
      `${Math.ceil(retryAfterMs)}`,
    )
  if (shouldRetry !== null) headers.push('x-should-retry', `${shouldRetry}`)
}

/** 61000 → "1m1s", 1200 → "2s", 250 → "250ms": the form of OpenAI's `x-ratelimit-reset-*`. */
function formatReset(durationMs: number): string {
  if (durationMs <= 0) return '0s'
  if (durationMs < 1000) return `${Math.ceil(durationMs)}ms`
  const seconds = Math.ceil(durationMs / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}

/** Tenths of a millisecond: enough for a person, cheap to print. */
const formatTiming = (durationMs: number): string => `${Math.round(durationMs * 10) / 10}`
