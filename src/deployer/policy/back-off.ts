/** How the starts of a deployment went lately. */
export interface Restarts {
  /** A change of the spec starts afresh: it may be the cure. */
  readonly specHash: string
  /** Ends in a row, none after a time of health. */
  readonly failures: number
  /** All that failed since control started, for a person. */
  readonly total: number
  readonly retryAtMs: number
  readonly reason: string
}

/** Each spec of a deployment has a history of its own: a change may be the cure, and the old one may still be needed. */
export const restartKey = (deployment: string, specHash: string): string =>
  `${deployment} ${specHash}`

const delayMsMin = 1000
const delayMsMax = 60_000
/** For one that was ready: it can start, and what ended it may have come from outside. Clients wait. */
const readyDelayMsMax = 4000
/** A replica that was ready this long has shown that the spec works. */
const healthyMs = 60_000

export interface Failure {
  readonly specHash: string
  /** How long it had been ready; 0: it never was. */
  readonly readyMs: number
  readonly reason: string
}

export function afterFailure(
  before: Restarts | undefined,
  failure: Failure,
  nowMs: number,
): Restarts {
  const known = before?.specHash === failure.specHash ? before : undefined
  const total = (before?.total ?? 0) + 1
  // Siblings that fail together are one failure.
  if (known && nowMs < known.retryAtMs) return { ...known, total, reason: failure.reason }
  const failures = failure.readyMs >= healthyMs ? 1 : (known?.failures ?? 0) + 1
  const longestMs = failure.readyMs > 0 ? readyDelayMsMax : delayMsMax
  const delayMs = Math.min(longestMs, delayMsMin * 2 ** (failures - 1))
  const { specHash, reason } = failure
  return { specHash, failures, total, retryAtMs: nowMs + delayMs, reason }
}

/** Milliseconds until a replica of that spec may be started; 0: now. */
export const waitMs = (restarts: Restarts | undefined, specHash: string, nowMs: number): number =>
  restarts?.specHash === specHash ? Math.max(0, restarts.retryAtMs - nowMs) : 0
