/**
 * What was used in the last minute, by whole seconds: 60 full ones and the one that has begun. Their sum covers any
 * 60 s, so what is held below the limit here is below it in every minute, wherever that starts.
 */
export interface LimitWindow {
  readonly counts: number[]
  /** The second that the newest bucket stands for. */
  second: number
  sum: number
}

export const windowSeconds = 61

export const createLimitWindow = (): LimitWindow => ({
  counts: Array.from({ length: windowSeconds }, () => 0),
  second: 0,
  sum: 0,
})

export function addUse(window: LimitWindow, nowMs: number, amount: number): void {
  advance(window, nowMs)
  window.counts[window.second % windowSeconds]! += amount
  window.sum += amount
}

export function usedIn(window: LimitWindow, nowMs: number): number {
  advance(window, nowMs)
  return window.sum
}

/**
 * Takes back part of a use that is `ageS` old. It goes to the bucket of that age, or an older one than the use went
 * to, never a newer one: what would outlive the use itself would allow more than the limit.
 */
export function refund(window: LimitWindow, nowMs: number, ageS: number, amount: number): void {
  advance(window, nowMs)
  if (ageS >= windowSeconds) return
  let since = 0
  for (let age = 0; age <= ageS; age++) since += countAt(window, window.second - age)
  const taken = Math.min(amount, Math.max(0, since))
  window.counts[slot(window.second - ageS)]! -= taken
  window.sum -= taken
}

/** Milliseconds until `amount` of what is counted now has left the window; null: that much is not in it. */
export function freeInMs(window: LimitWindow, nowMs: number, amount: number): number | null {
  advance(window, nowMs)
  if (amount <= 0) return 0
  let freed = 0
  for (let age = windowSeconds - 1; age >= 0; age--) {
    freed += countAt(window, window.second - age)
    if (freed >= amount) return (window.second - age + windowSeconds) * 1000 - nowMs
  }
  return null
}

/** Milliseconds until nothing of what is counted now is left. */
export function emptyInMs(window: LimitWindow, nowMs: number): number {
  advance(window, nowMs)
  for (let age = 0; age < windowSeconds; age++)
    if (countAt(window, window.second - age) !== 0)
      return (window.second - age + windowSeconds) * 1000 - nowMs
  return 0
}

/** A clock that goes back only holds time still. */
function advance(window: LimitWindow, nowMs: number): void {
  const second = Math.floor(nowMs / 1000)
  const steps = Math.min(second - window.second, windowSeconds)
  if (steps <= 0) return
  window.second = second
  for (let step = 0; step < steps; step++) window.counts[slot(second - step)] = 0
  window.sum = 0
  for (const count of window.counts) window.sum += count
}

const slot = (second: number): number => ((second % windowSeconds) + windowSeconds) % windowSeconds

const countAt = (window: LimitWindow, second: number): number => window.counts[slot(second)] ?? 0
