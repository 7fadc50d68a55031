/** What one request says about the revision that answered it. */
export interface Answered {
  readonly isFailed: boolean
  readonly ttftMs: number | null
  readonly tpotMs: number | null
  readonly e2eMs: number
}

/** `whole`: all of an answer that came in one piece; nobody sees when its first token was there. */
export type LatencyFigure = 'ttft' | 'tpot' | 'e2e' | 'whole'

/** Requests of one revision since its rollout began. */
export interface Tally {
  requests: number
  failures: number
  /** Counts by bucket: each is 5 % wide, so that millions of requests take no more room than a few. */
  readonly latencies: Readonly<Record<LatencyFigure, Map<number, number>>>
}

const width = Math.log(1.05)
const bucketOf = (ms: number): number => Math.floor(Math.log(Math.max(ms, 0.01)) / width)

export const createTally = (): Tally => ({
  requests: 0,
  failures: 0,
  latencies: { ttft: new Map(), tpot: new Map(), e2e: new Map(), whole: new Map() },
})

export function note(tally: Tally, { isFailed, ttftMs, tpotMs, e2eMs }: Answered): void {
  tally.requests++
  if (isFailed) {
    tally.failures++
    return // how soon it failed says nothing
  }
  const whole = ttftMs === null ? e2eMs : null
  const figures = { ttft: ttftMs, tpot: tpotMs, e2e: e2eMs, whole }
  for (const [figure, ms] of Object.entries(figures) as [LatencyFigure, number | null][]) {
    if (ms === null) continue
    const counts = tally.latencies[figure]
    counts.set(bucketOf(ms), (counts.get(bucketOf(ms)) ?? 0) + 1)
  }
}

/** How many took longer than that, of how many that were measured. */
export function countOver(
  tally: Tally,
  figure: LatencyFigure,
  limitMs: number,
): { readonly over: number; readonly total: number } {
  let over = 0
  let total = 0
  for (const [bucket, count] of tally.latencies[figure]) {
    total += count
    if (bucket > bucketOf(limitMs)) over += count
  }
  return { over, total }
}

/** Null: nothing was measured. */
export function medianMs(tally: Tally, figure: LatencyFigure): number | null {
  const counts = [...tally.latencies[figure]].toSorted(([a], [b]) => a - b)
  let left = counts.reduce((sum, [, count]) => sum + count, 0) / 2
  for (const [bucket, count] of counts) {
    left -= count
    if (left <= 0) return Math.exp((bucket + 0.5) * width)
  }
  return null
}
