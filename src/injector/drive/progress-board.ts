import { createLatencyHistogram, type LatencyHistogram } from './latency-histogram.ts'

/** How far a sender is: a thread, a machine, or all of them. */
export interface ProgressCounts {
  readonly handed: number
  readonly ok: number
  readonly failed: number
  readonly inFlight: number
  readonly outputTokens: number
  /** Of the threads that pace, send and stamp, since the run began. */
  readonly cpuMs: number
}

export const latencies = ['ttftMs', 'tpotMs', 'clientDelayMs'] as const
/** Of the requests that ended since the last report. */
export type RecentLatencies = Readonly<Record<(typeof latencies)[number], LatencyHistogram>>

export interface FleetProgress extends ProgressCounts, RecentLatencies {
  /** On the clock of the run. */
  readonly atMs: number
}

/** Reports of many senders as one, which goes out when each of them has sent its own. */
export interface ProgressBoard {
  take(sender: number, counts: ProgressCounts, addTo: (recent: RecentLatencies) => void): void
  /** Reports what came since the last report of all. */
  flush(): void
}

export interface ProgressBoardOptions {
  /** How many are heard of. */
  readonly senders: () => number
  /** Milliseconds on the clock of the run. */
  readonly now: () => number
  readonly onProgress: (progress: FleetProgress) => void
}

export function createProgressBoard(options: ProgressBoardOptions): ProgressBoard {
  const latest = new Map<number, ProgressCounts>()
  /** Those that have reported since the last report of all. */
  const heard = new Set<number>()
  let recent = emptyLatencies()

  function report(): void {
    const all = [...latest.values()]
    const sum = (key: keyof ProgressCounts) => all.reduce((total, counts) => total + counts[key], 0)
    options.onProgress({
      atMs: options.now(),
      handed: sum('handed'),
      ok: sum('ok'),
      failed: sum('failed'),
      inFlight: sum('inFlight'),
      outputTokens: sum('outputTokens'),
      cpuMs: sum('cpuMs'),
      ...recent,
    })
    recent = emptyLatencies()
    heard.clear()
  }

  return {
    take(sender, counts, addTo) {
      latest.set(sender, counts)
      addTo(recent)
      if (heard.add(sender).size >= options.senders()) report()
    },
    flush() {
      if (heard.size > 0) report()
    },
  }
}

const emptyLatencies = (): RecentLatencies => ({
  ttftMs: createLatencyHistogram(),
  tpotMs: createLatencyHistogram(),
  clientDelayMs: createLatencyHistogram(),
})
