/**
 * Turns requests away while the event loop can't keep up. Lag alone proves nothing on a shared machine: only a loop
 * that is also busy nearly all the time is the gateway's own overload.
 */
export interface Shedding {
  /** Share of new requests to turn away, 0 to 1. */
  share: number
  badWindows: number
}

export interface LoopWindow {
  readonly lagMsP99: number
  /** Share of the window in which the loop had work. */
  readonly utilisation: number
}

export const lagMsMax = 50
const utilisationMax = 0.9
/** One window can be a single garbage collection. */
const badWindowsMin = 2
const step = 0.1
const shareMax = 0.9

export const createShedding = (): Shedding => ({ share: 0, badWindows: 0 })

/** Adds a tenth a bad window, halves in a good one: quick to help, and no swing between all and nothing. */
export function observeLoop(shedding: Shedding, window: LoopWindow): void {
  const isBad = window.lagMsP99 > lagMsMax && window.utilisation > utilisationMax
  shedding.badWindows = isBad ? shedding.badWindows + 1 : 0
  if (shedding.badWindows >= badWindowsMin)
    shedding.share = Math.min(shareMax, shedding.share + step)
  else if (!isBad) shedding.share = shedding.share < step ? 0 : shedding.share / 2
}
