/** Something that is to be called once, some time after. It is its own list node: setting it allocates nothing. */
export interface Timed {
  timedPrevious: Timed | null
  timedNext: Timed | null
  /** Tick at which it is due; -1: not set. */
  timedAt: number
  onTime(): void
}

export interface TimingWheel {
  /** Replaces what was set. Rounded up to whole ticks. */
  set(timed: Timed, delayMs: number): void
  clear(timed: Timed): void
  /** One tick forward: called by the one interval of the process, or by a test. */
  turn(): void
}

export const tickMs = 100
const slotCount = 512

/** One interval for all deadlines of a process in place of a timer a request. Delays beyond the wheel go round again. */
export function createTimingWheel(): TimingWheel {
  const slots = Array.from({ length: slotCount }, createHead)
  let now = 0

  function unlink(timed: Timed): void {
    if (timed.timedAt < 0) return
    timed.timedPrevious!.timedNext = timed.timedNext
    if (timed.timedNext) timed.timedNext.timedPrevious = timed.timedPrevious
    timed.timedPrevious = timed.timedNext = null
    timed.timedAt = -1
  }

  function link(timed: Timed, at: number): void {
    const head = slots[at % slotCount]!
    timed.timedAt = at
    timed.timedPrevious = head
    timed.timedNext = head.timedNext
    if (head.timedNext) head.timedNext.timedPrevious = timed
    head.timedNext = timed
  }

  return {
    set(timed, delayMs) {
      unlink(timed)
      link(timed, now + Math.max(1, Math.ceil(delayMs / tickMs)))
    },
    clear: unlink,
    turn() {
      now++
      // What is due is taken out first: an `onTime` may set and clear others of the same slot.
      const due: Timed[] = []
      for (let timed = slots[now % slotCount]!.timedNext; timed; timed = timed.timedNext)
        if (timed.timedAt <= now) due.push(timed)
      for (const timed of due) unlink(timed)
      for (const timed of due) timed.onTime()
    },
  }
}

const createHead = (): Timed => ({
  timedPrevious: null,
  timedNext: null,
  timedAt: -1,
  onTime: () => {},
})
