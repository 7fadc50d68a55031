export interface DueTimers {
  /** Acts when the time has come, never before. Nothing becomes of what is due at or after the end of the run. */
  after(dueMs: number, act: (dueMs: number) => void): void
  /** How many are still to come. */
  readonly waiting: number
  clear(): void
}

export interface DueTimersOptions {
  readonly now: () => number
  /** Nothing is begun from then on; asked again when the time has come. */
  readonly endsAtMs: () => number
  /** Something that was due has been dealt with. */
  readonly onActed: () => void
}

/** Requests that the schedule has no time for: what a session goes on with, and what a user of a closed loop sends next. */
export function createDueTimers({ now, endsAtMs, onActed }: DueTimersOptions): DueTimers {
  const timers = new Set<NodeJS.Timeout>()
  let waiting = 0

  function arm(dueMs: number, act: (dueMs: number) => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      // Timers may fire a fraction of a millisecond early; a request never does.
      if (now() < dueMs) return arm(dueMs, act)
      settle(dueMs, act)
    }, dueMs - now())
    timers.add(timer)
  }

  function settle(dueMs: number, act: (dueMs: number) => void): void {
    waiting--
    if (dueMs < endsAtMs()) act(dueMs)
    onActed()
  }

  return {
    after(dueMs, act) {
      if (dueMs >= endsAtMs()) return
      waiting++
      if (now() >= dueMs) queueMicrotask(() => settle(dueMs, act))
      else arm(dueMs, act)
    },
    get waiting() {
      return waiting
    },
    clear() {
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
