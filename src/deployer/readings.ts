import type { EngineLoad } from '../contract/deployment.ts'
import type { Clock } from '../core/clock.ts'
import type { Engine, EngineSignals } from '../engines/engine.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import { isReady, type Replica } from './policy/replica.ts'

/** Reads the metrics pages of a replica's engine. Null: it gave none in time. */
export type ReadMetrics = (
  engine: Engine,
  pages: { readonly urls: readonly string[]; readonly replicas?: ReadonlySet<string> },
  timeoutMs: number,
) => Promise<EngineSignals | null>

/** What the engines of ready replicas last said of themselves. */
export interface Readings {
  /** Asks those that are due, not too many at once. */
  read(): Promise<void>
  /** Null: it says nothing, or not lately. */
  of(replica: string): EngineSignals | null
}

const periodMs = 5000
const timeoutMs = 2000
/** After so many silent periods what it said last says nothing about now. */
const staleMs = 3 * periodMs
const atOnceMax = 64

export function createReadings(deps: {
  all(): readonly Replica[]
  /** Null: nobody knows how it was started. Throws `engine/unknown`. */
  engineOf(replica: Replica): Engine | null
  readonly readMetrics: ReadMetrics
  readonly runtime: Pick<Runtime, 'metricsOf'>
  readonly clock: Clock
}): Readings {
  const { clock, runtime } = deps
  const last = new Map<string, { readonly atMs: number; readonly signals: EngineSignals }>()
  const askedAtMs = new Map<string, number>()
  let isReading = false

  const isDue = (replica: Replica): boolean =>
    isReady(replica) && clock.monotonicMs() - (askedAtMs.get(replica.id) ?? -Infinity) >= periodMs

  const readOne = async (replica: Replica): Promise<void> => {
    askedAtMs.set(replica.id, clock.monotonicMs())
    try {
      const engine = deps.engineOf(replica)
      if (!engine || engine.metricsPath === null) return
      const { id, url } = replica
      const pages = engine.metricsAt === 'api' ? { urls: [url] } : await runtime.metricsOf?.(id)
      if (!pages) return
      const signals = await deps.readMetrics(engine, pages, timeoutMs)
      if (signals) last.set(replica.id, { atMs: clock.monotonicMs(), signals })
    } catch {
      // Its engine is not known now, or its runtime can't be reached; the next look asks again.
    }
  }

  return {
    async read() {
      if (isReading) return
      isReading = true
      const all = deps.all()
      const ids = new Set(all.map(({ id }) => id))
      for (const id of askedAtMs.keys())
        if (!ids.has(id)) {
          askedAtMs.delete(id)
          last.delete(id)
        }
      const due = all.filter(isDue)
      for (let at = 0; at < due.length; at += atOnceMax)
        await Promise.all(due.slice(at, at + atOnceMax).map(readOne))
      isReading = false
    },
    of(id) {
      const reading = last.get(id)
      return reading && clock.monotonicMs() - reading.atMs < staleMs ? reading.signals : null
    },
  }
}

/** What a person wants to see of it. */
export const loadOf = (signals: EngineSignals | null): EngineLoad | null =>
  signals && { running: signals.running, waiting: signals.waiting, kvUsage: signals.kvUsage }
