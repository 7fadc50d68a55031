import type { RequestRecord } from './record.ts'

/** [fromMs, toMs) on the run's clock. */
export interface Window {
  readonly fromMs: number
  readonly toMs: number
}

export const contains = (window: Window, timeMs: number): boolean =>
  timeMs >= window.fromMs && timeMs < window.toMs

/** Output tokens that arrived inside the window; each content event carries an equal share of its answer's tokens. */
export function tokensWithin(record: RequestRecord, window: Window): number {
  const { contentMs, outputTokens, doneMs } = record
  if (outputTokens === null) return 0
  if (contentMs.length === 0) return contains(window, doneMs) ? outputTokens : 0
  let events = 0
  for (const time of contentMs) if (contains(window, time)) events++
  return (events * outputTokens) / contentMs.length
}

/** Mean number of requests between socket and end, over the window, from the records alone. */
export function meanInFlight(records: readonly RequestRecord[], window: Window): number {
  let areaMs = 0
  for (const { handedMs, endedMs } of records) {
    const from = Math.max(handedMs, window.fromMs)
    const to = Math.min(endedMs, window.toMs)
    if (to > from) areaMs += to - from
  }
  return areaMs / (window.toMs - window.fromMs)
}

/** All gaps between content events, pooled and sorted. */
export function pooledGaps(records: readonly RequestRecord[]): Float64Array {
  let count = 0
  for (const { contentMs } of records) count += Math.max(0, contentMs.length - 1)
  const gaps = new Float64Array(count)
  let next = 0
  for (const { contentMs } of records)
    for (let index = 1; index < contentMs.length; index++)
      gaps[next++] = contentMs[index]! - contentMs[index - 1]!
  return gaps.sort()
}
