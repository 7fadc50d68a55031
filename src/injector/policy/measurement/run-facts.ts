import type { Validity } from '../../../contract/injection-summary.ts'

/** What the driver saw of itself and of the machine during a run. */
export interface DriverFacts {
  /** Requests whose intended time came, or would have come, within the run. */
  readonly scheduled: number
  /** Integral of the number of requests in flight over the run, counted apart from the records. */
  readonly inFlightAreaMs: number
  readonly cpuShare: number | null
  readonly cpuMs: number | null
  readonly eventLoopDelayMsP99: number | null
  readonly clockDriftMs: number | null
  readonly stealShare: number | null
  /** Machines that took part and were lost, and why. */
  readonly lost?: readonly string[]
  /** How the driver threads stood among others that wanted the processor. */
  readonly priority: Validity['priority']
}

/** Change of the server's own counters over the run; null: it has none that we can read. */
export interface ServerCounters {
  readonly outputTokens: number | null
  readonly promptTokens: number | null
}
