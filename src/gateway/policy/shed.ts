/**
 * Turns requests away while the event loop can't keep up. Lag alone proves nothing on a shared machine, where the
 * process may just not get its turn: only one that also used nearly a whole core is overloaded by its own work.
 */
export interface Shedding {
  /** Share of new requests to turn away, 0 to 1. */
  share: number
  badWindows: number
}

export interface LoopWindow {
  readonly lagMsP99: number
  /** CPU time of the process for each second of the window; 1 is a whole core. */
  readonly cores: number
}

const lagMsMax = 50
const coresMax = 0.8
/** So late that it no longer matters why. */
const hopelessMs = 1000
/** One window can be a single garbage collection. */
const badWindowsMin = 2
const step = 0.1
const shareMax = 0.9

export const createShedding = (): Shedding => ({ share: 0, badWindows: 0 })

/** Adds a tenth a bad window, halves in a good one: quick to help, and no swing between all and nothing. */
export function observeLoop(shedding: Shedding, window: LoopWindow): void {
  const isOwnWork = window.lagMsP99 > lagMsMax && window.cores > coresMax
  const isBad = isOwnWork || window.lagMsP99 > hopelessMs
  shedding.badWindows = isBad ? shedding.badWindows + 1 : 0
  if (shedding.badWindows >= badWindowsMin)
    shedding.share = Math.min(shareMax, shedding.share + step)
  else if (!isBad) shedding.share = shedding.share < step ? 0 : shedding.share / 2
}
