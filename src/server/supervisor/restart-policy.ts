/** When a child that ended is started again. Pure: the shell tells what happened and when. */

const delayMsMin = 100
const delayMsMax = 10_000
/** For one that was ready: it can start, and what ended it may have come from outside. Clients wait. */
const readyDelayMsMax = 2000
/** A run this long says that the fault is gone: the next one starts counting afresh. */
const healthyAfterMs = 30_000
/** Ends in a row before a child that was never ready is given up. */
const attemptsMax = 5
/** Silence after which a running event loop counts as frozen: a shared port keeps feeding it. */
const frozenAfterMs = 5000
/** A child that loads its code on a busy machine gets longer until its first sign of life. */
const firstSignAfterMs = 30_000
/** A supervisor that was itself stopped so long heard nobody: no reason to end anybody. */
const lateTickMs = 2000

export interface RunHistory {
  /** Ends in a row without a healthy run between them. */
  readonly failures: number
  readonly wasEverReady: boolean
}

export const noHistory: RunHistory = { failures: 0, wasEverReady: false }

export type RestartDecision =
  | { readonly kind: 'restart'; readonly delayMs: number; readonly history: RunHistory }
  | { readonly kind: 'give-up'; readonly reason: string }

/** A child that has ever been ready is started again for ever: its siblings still serve. */
export function decideRestart(
  history: RunHistory,
  run: { readonly durationMs: number; readonly wasReady: boolean },
): RestartDecision {
  const failures = run.durationMs >= healthyAfterMs ? 1 : history.failures + 1
  const wasEverReady = history.wasEverReady || run.wasReady
  if (!wasEverReady && failures >= attemptsMax)
    return { kind: 'give-up', reason: `ended ${failures} times in a row without ever being ready` }
  const longestMs = run.wasReady ? readyDelayMsMax : delayMsMax
  const delayMs = Math.min(delayMsMin * 2 ** (failures - 1), longestMs)
  return { kind: 'restart', delayMs, history: { failures, wasEverReady } }
}

export interface Watched {
  readonly startedAtMs: number
  /** Null: nothing heard since its start. */
  readonly heardAtMs: number | null
}

export const isFrozen = (child: Watched, nowMs: number): boolean =>
  child.heardAtMs === null
    ? nowMs - child.startedAtMs > firstSignAfterMs
    : nowMs - child.heardAtMs > frozenAfterMs

/** Whether this look at the children came so late that their silence proves nothing. */
export const isLateTick = (previousTickMs: number, nowMs: number): boolean =>
  nowMs - previousTickMs > lateTickMs
