import type { InjectionReport } from '../../../src/contract/injection.ts'
import type { JournalClose } from '../../../src/contract/journal.ts'
import type { PlannedFault } from './plan.ts'

/** A line of requests.csv. */
export interface Row {
  readonly index: number
  readonly outcome: string
  readonly status: number
  readonly intendedMs: number
  readonly handedMs: number
  readonly endedMs: number
  readonly firstContentMs: number
  readonly ttftServiceMs: number
  readonly doneMs: number
  readonly promptTokens: number
  readonly outputTokens: number
  readonly good: boolean
}

export type ServerRecord = Pick<
  JournalClose,
  | 'clientId'
  | 'atMs'
  | 'outcome'
  | 'status'
  | 'promptTokens'
  | 'completionTokens'
  | 'ttftMs'
  | 'e2eMs'
  | 'holdMs'
>

/** What the control process wrote when it saw a replica end or become ready. */
export interface ControlEvent {
  readonly atMs: number
  readonly what: 'ended' | 'ready'
}

/** The gateways' counters over the run up to `atMs`. */
export interface CounterReading {
  readonly atMs: number
  readonly requests: Readonly<Record<string, number>>
  readonly promptTokens: number
  readonly completionTokens: number
}

export interface Evidence {
  readonly report: InjectionReport
  readonly rows: readonly Row[]
  readonly records: readonly ServerRecord[]
  readonly control: readonly ControlEvent[]
  readonly counters: CounterReading | null
  readonly plan: readonly PlannedFault[]
}

export interface Check {
  readonly name: string
  readonly isOk: boolean
  readonly detail: string
}

/** A request as both sides have it. */
export interface PairOfRecords {
  readonly row: Row
  readonly server: readonly ServerRecord[]
}

/** How far the two sides' clocks, and what lies between them, may differ. */
export const clockMs = 100
/** Failures of a fault may come a little after it: what was broken is noticed with the next byte. */
export const aftermathMs = 2000

/** Names of the plan end in the number of their slot. */
export const nameOf = (name: string): string => name.replace(/-\d+$/, '')

export const check = (name: string, isOk: boolean, detail: string): Check => ({
  name,
  isOk,
  detail,
})
