import type { FaultSpec } from '../../../contract/fault.ts'
import type { FaultRecord } from '../../../contract/injection.ts'
import type { Slo } from '../../../contract/injection-spec.ts'
import { isGood } from '../measurement/latency.ts'
import type { RequestRecord } from '../measurement/record.ts'

/** What came of a fault, on the clock of the run. */
export interface FaultWindow {
  readonly spec: FaultSpec
  readonly fromMs: number
  readonly toMs: number
  readonly isUndone: boolean
  readonly note: string
}

/** Recovered: this share of what was good before the fault is good again over the recovery time. */
const recoveredShare = 0.95
const recoveryMs = 5000
/** So many have to be that good first: a few good ones within an outage are no recovery. */
const firstGood = 10

/** What a fault did to users, from the records of the run alone. */
export function scoreFault(
  { spec, fromMs, toMs, isUndone, note }: FaultWindow,
  records: readonly RequestRecord[],
  slo: Slo,
  /** Onset of the first fault of the run: until then nothing was broken. */
  firstOnsetMs = fromMs,
): FaultRecord {
  const bad = records.filter((record) => !isGood(record, slo))
  const seen = bad
    .filter(({ endedMs }) => endedMs >= fromMs)
    .reduce((first, { endedMs }) => Math.min(first, endedMs), Infinity)
  const attainmentBefore = attainmentOf(
    records.filter(({ endedMs }) => endedMs < firstOnsetMs),
    slo,
  )
  const recoveredMs = recoveryOf(records, slo, fromMs, recoveredShare * (attainmentBefore ?? 1))
  const until = Math.max(recoveredMs ?? Infinity, toMs)
  const wasSeen = seen < until
  const hit = records.filter(({ intendedMs, endedMs }) => endedMs >= fromMs && intendedMs < until)
  const lost = hit.filter((record) => !isGood(record, slo))
  const lostBy: FaultRecord['lostBy'] = {}
  for (const { outcome } of lost) {
    const how = outcome === 'ok' ? 'slow' : outcome
    lostBy[how] = (lostBy[how] ?? 0) + 1
  }
  return {
    name: spec.name,
    action: spec.action.kind,
    fromMs,
    toMs,
    isUndone,
    lost: lost.length,
    lostBy,
    attainmentBefore,
    attainmentDuring: attainmentOf(hit, slo),
    detectedAfterMs: wasSeen ? seen - fromMs : null,
    recoveredAfterMs: recoveredMs === null ? null : Math.max(0, recoveredMs - fromMs),
    note,
  }
}

const attainmentOf = (records: readonly RequestRecord[], slo: Slo): number | null =>
  records.length === 0
    ? null
    : records.filter((record) => isGood(record, slo)).length / records.length

/**
 * The first moment after the onset from which on, for the recovery time, requests were good again. Requests that were
 * under way at the onset count for what became of them. Null: not within the run.
 */
function recoveryOf(
  records: readonly RequestRecord[],
  slo: Slo,
  fromMs: number,
  target: number,
): number | null {
  const later = records
    .filter(({ endedMs, intendedMs }) => endedMs >= fromMs || intendedMs >= fromMs)
    .toSorted((a, b) => a.intendedMs - b.intendedMs)
  const lastMs = later.at(-1)?.intendedMs ?? fromMs
  const candidates = [
    fromMs,
    ...later.filter((record) => !isGood(record, slo)).map(({ intendedMs }) => intendedMs + 0.001),
  ].map((atMs) => Math.max(fromMs, atMs))
  for (const atMs of candidates.toSorted((a, b) => a - b)) {
    const window = later.filter(
      ({ intendedMs }) => (intendedMs >= atMs || atMs === fromMs) && intendedMs < atMs + recoveryMs,
    )
    const good = window.filter((record) => isGood(record, slo)).length
    const first = window.slice(0, firstGood).filter((record) => isGood(record, slo)).length
    const beginsWell = first >= Math.floor(target * Math.min(firstGood, window.length))
    if (
      window.length > 0 &&
      beginsWell &&
      atMs + recoveryMs <= lastMs + 1000 &&
      good / window.length >= target
    )
      // Between the last bad request and the next nobody looked: it is known to be well when somebody did.
      return atMs === fromMs ? atMs : window[0]!.intendedMs
  }
  return null
}
