import type { FaultRecord, InjectionReport } from '../../../src/contract/injection.ts'
import type { JournalClose } from '../../../src/contract/journal.ts'
import { quantile, sortSamples } from '../../../src/injector/policy/statistics/quantiles.ts'
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

/** How far the two sides' clocks, and what lies between them, may differ. */
const clockMs = 100
/** Users see a recovery with their next request, at 2 requests/s on average after 0.5 s. */
const recoverySlackMs = 5000
/** Failures of a fault may come a little after it: what was broken is noticed with the next byte. */
const aftermathMs = 2000
/** A replica that was killed comes back; until then requests wait or are refused. */
const killAftermathMs = 60_000

/** Everything that the report says, held against what the server wrote. */
export function agreement(evidence: Evidence): Check[] {
  const { report, rows, records } = evidence
  const zeroMs = startOnWallClock(rows, records, report.id)
  const byId = Map.groupBy(records, ({ clientId }) => clientId)
  const pairs = rows.map((row) => ({ row, server: byId.get(`${report.id}-${row.index}`) ?? [] }))
  return [
    ...outcomesAgree(evidence, pairs),
    ...tokensAgree(pairs),
    ...timesAgree(evidence, pairs),
    ...failuresAreExplained(evidence),
    ...faultsAgree(evidence, zeroMs),
    ...countersAgree(evidence),
  ]
}

interface PairOfRecords {
  readonly row: Row
  readonly server: readonly ServerRecord[]
}

function outcomesAgree({ report, rows, records }: Evidence, pairs: readonly PairOfRecords[]) {
  const counted = Object.values(report.summary.outcomes).reduce((sum, count) => sum + count, 0)
  const twice = pairs.filter(({ server }) => server.length > 1)
  const ok = pairs.filter(({ row }) => row.outcome === 'ok')
  const notOk = ok.filter(({ server }) => server[0]?.outcome !== 'ok' || server[0].status !== 200)
  const known = new Set(rows.map(({ index }) => `${report.id}-${index}`))
  const unknown = records.filter(({ clientId }) => !known.has(clientId ?? ''))
  /** Answered by the gateway itself: it has to say the same status. */
  const statuses = pairs.filter(
    ({ row, server }) => row.status >= 400 && server[0] && server[0].status !== row.status,
  )
  const failedThere = pairs.filter(
    ({ row, server }) => row.outcome === 'ok' && server[0] && server[0].outcome !== 'ok',
  )
  return [
    check(
      'every scheduled request has one outcome',
      counted === rows.length,
      `${counted} outcomes, ${rows.length} requests`,
    ),
    check('conserved, by the report', report.summary.validity.isConserved, ''),
    check('no request is in the journal twice', twice.length === 0, list(twice)),
    check(
      'every ok is an ok of the journal',
      notOk.length === 0,
      `${ok.length} ok; ${list(notOk)}`,
    ),
    check(
      'no request failed at the server and is ok here',
      failedThere.length === 0,
      list(failedThere),
    ),
    check(
      'the journal knows no other request of this run',
      unknown.length === 0,
      `${unknown.length}`,
    ),
    check('statuses are the same', statuses.length === 0, list(statuses)),
  ]
}

function tokensAgree(pairs: readonly PairOfRecords[]) {
  const ok = pairs.filter(({ row, server }) => row.outcome === 'ok' && server[0])
  const differing = ok.filter(
    ({ row, server }) =>
      row.outputTokens !== server[0]!.completionTokens ||
      row.promptTokens !== server[0]!.promptTokens,
  )
  const sum = (value: (pair: PairOfRecords) => number) =>
    ok.reduce((total, pair) => total + value(pair), 0)
  return [
    check(
      'tokens of every answer are the same',
      differing.length === 0,
      `${sum(({ row }) => row.outputTokens)} and ${sum(({ server }) => server[0]!.completionTokens)} out, ` +
        `${sum(({ row }) => row.promptTokens)} and ${sum(({ server }) => server[0]!.promptTokens)} in; ${list(differing)}`,
    ),
  ]
}

/** Where no fault touched the connection, both sides measured the same. */
function timesAgree({ report, plan }: Evidence, pairs: readonly PairOfRecords[]) {
  const touching = report.faults.filter(({ name }) => touchesConnections(nameOf(name)))
  const untouched = pairs.filter(
    ({ row, server }) =>
      row.outcome === 'ok' &&
      server[0]?.ttftMs != null &&
      !touching.some((fault) => overlaps(row, fault)),
  )
  const ttft = sortSamples(
    untouched.map(({ row, server }) => row.ttftServiceMs - server[0]!.ttftMs!),
  )
  const e2e = sortSamples(
    untouched.map(({ row, server }) => row.doneMs - row.handedMs - server[0]!.e2eMs),
  )
  const text = (values: Float64Array) =>
    [0, 0.5, 0.99, 1].map((p) => quantile(values, p).toFixed(2)).join(' / ')
  return [
    check(
      'some requests met no fault',
      untouched.length > pairs.length / 3,
      `${untouched.length} of ${pairs.length}, ${plan.length} faults`,
    ),
    check(
      'TTFT here is TTFT there and the way between (median below 5 ms, never earlier)',
      quantile(ttft, 0) > -1 && quantile(ttft, 0.5) < 5,
      `ms, min / p50 / p99 / max: ${text(ttft)}`,
    ),
    check(
      'E2E likewise',
      quantile(e2e, 0) > -5 && quantile(e2e, 0.5) < 10,
      `ms, min / p50 / p99 / max: ${text(e2e)}`,
    ),
  ]
}

function failuresAreExplained({ report, rows, plan }: Evidence) {
  const unexplained = rows.filter(
    (row) =>
      row.outcome !== 'ok' &&
      !report.faults.some((fault) => {
        const planned = plan.find(({ name }) => name === fault.name)
        const aftermath = nameOf(fault.name).startsWith('kill') ? killAftermathMs : aftermathMs
        return (
          planned?.mayCause.includes(row.outcome) &&
          row.endedMs >= fault.fromMs - 1 &&
          row.intendedMs <= fault.toMs + aftermath
        )
      }),
  )
  const failed = rows.filter(({ outcome }) => outcome !== 'ok').length
  return [
    check(
      'a fault of the plan explains every failure',
      unexplained.length === 0,
      `${failed} failures; ${unexplained
        .map((row) => `${row.index} ${row.outcome}`)
        .slice(0, 5)
        .join(', ')}`,
    ),
  ]
}

function faultsAgree({ report, rows, control, plan }: Evidence, zeroMs: number): Check[] {
  const isSame = (fault: FaultRecord) => {
    const planned = plan.find(({ name }) => name === fault.name)
    if (!planned) return false
    // The start of a kill is the moment of the kill; it has no end of its own.
    return (
      Math.abs(fault.fromMs - planned.atS * 1000) < clockMs * 2 &&
      Math.abs(fault.toMs - fault.fromMs - planned.forS * 1000) < clockMs * 3
    )
  }
  const offTime = report.faults.filter((fault) => !isSame(fault))
  const checks = [
    check(
      'every fault of the plan was done',
      report.faults.length === plan.length,
      `${report.faults.length} of ${plan.length}`,
    ),
    check(
      'in its time',
      offTime.length === 0,
      offTime
        .map(({ name, fromMs, toMs }) => `${name} ${fromMs.toFixed(0)}–${toMs.toFixed(0)}`)
        .join(', '),
    ),
    check(
      'and undone',
      report.faults.every(({ isUndone }) => isUndone),
      report.faults
        .filter(({ isUndone }) => !isUndone)
        .map(({ name, note }) => `${name}: ${note}`)
        .join(', '),
    ),
  ]
  for (const fault of report.faults) {
    const kind = nameOf(fault.name)
    const begun = rows.filter(
      ({ handedMs }) => handedMs >= fault.fromMs && handedMs < fault.toMs - clockMs,
    )
    const label = `${fault.name}:`
    if (kind === 'stop-engine') {
      const early = begun.filter(({ firstContentMs }) => firstContentMs < fault.toMs - clockMs)
      checks.push(
        check(
          `${label} nothing was answered while the engine stood still`,
          early.length === 0 && begun.length > 0,
          `${begun.length} requests came meanwhile; ${early.map(({ index }) => index).join(', ')}`,
        ),
        recovery(label, fault, fault.toMs - fault.fromMs, report.spec.slo.ttftMs ?? 0),
      )
    } else if (kind.startsWith('status')) {
      const wanted = kind.slice('status-'.length)
      const other = begun.filter(({ outcome }) => outcome !== wanted)
      checks.push(
        check(
          `${label} every request got it`,
          other.length === 0 && begun.length > 0,
          `${begun.length} requests; ${other.map(({ index, outcome }) => `${index} ${outcome}`).join(', ')}`,
        ),
      )
    } else if (kind === 'black-hole') {
      const early = begun.filter(({ firstContentMs }) => firstContentMs < fault.toMs - clockMs)
      checks.push(check(`${label} nothing passed`, early.length === 0, `${begun.length} requests`))
    } else if (kind === 'kill-engine') {
      const killedAtMs = zeroMs + fault.fromMs
      const ended = control.find(
        ({ atMs, what }) => what === 'ended' && atMs >= killedAtMs - clockMs,
      )
      const ready = control.find(
        ({ atMs, what }) => what === 'ready' && atMs >= (ended?.atMs ?? Infinity),
      )
      checks.push(
        check(
          `${label} control saw the end at that time`,
          ended !== undefined && ended.atMs - killedAtMs < 2000,
          ended ? `${(ended.atMs - killedAtMs).toFixed(0)} ms after` : 'it saw none',
        ),
        ready
          ? recovery(label, fault, ready.atMs - killedAtMs, report.spec.slo.ttftMs ?? 0)
          : check(`${label} control saw it ready again`, false, ''),
      )
    }
  }
  return checks
}

/** The report's recovery against the server's: earlier by what a good request may wait, later by what users come. */
function recovery(
  label: string,
  { recoveredAfterMs }: FaultRecord,
  serverMs: number,
  waitMs: number,
): Check {
  const isOk =
    recoveredAfterMs !== null &&
    recoveredAfterMs > serverMs - waitMs - clockMs &&
    recoveredAfterMs < serverMs + recoverySlackMs
  return check(
    `${label} recovery`,
    isOk,
    `report ${recoveredAfterMs?.toFixed(0)} ms, server ${serverMs.toFixed(0)} ms`,
  )
}

function countersAgree({ counters, records }: Evidence): Check[] {
  if (counters === null) return [check('counters of the gateways were read', false, '')]
  const before = records.filter(({ atMs }) => atMs <= counters.atMs)
  const near = records.filter(({ atMs }) => Math.abs(atMs - counters.atMs) < clockMs).length
  const byOutcome = Object.groupBy(before, ({ outcome }) => outcome)
  const names = new Set([...Object.keys(byOutcome), ...Object.keys(counters.requests)])
  const differing = [...names].filter((name) => {
    const journal = byOutcome[name as ServerRecord['outcome']]?.length ?? 0
    return Math.abs(journal - (counters.requests[name] ?? 0)) > near
  })
  const tokens = before.reduce((sum, { completionTokens }) => sum + completionTokens, 0)
  return [
    check(
      'counters of the gateways by outcome',
      differing.length === 0,
      JSON.stringify(counters.requests),
    ),
    check(
      'counters of tokens',
      Math.abs(tokens - counters.completionTokens) <= near * 64,
      `${counters.completionTokens} counted, ${tokens} in the books`,
    ),
  ]
}

/** Time 0 of the run on the wall clock: the earliest distance between a close and its end here. */
function startOnWallClock(
  rows: readonly Row[],
  records: readonly ServerRecord[],
  id: string,
): number {
  const ends = new Map(records.map(({ clientId, atMs }) => [clientId, atMs]))
  const distances = rows
    .filter(({ outcome }) => outcome === 'ok')
    .map(({ index, endedMs }) => (ends.get(`${id}-${index}`) ?? NaN) - endedMs)
  return quantile(sortSamples(distances), 0.5)
}

const touching = new Set([
  'delay',
  'throttle',
  'black-hole',
  'stall',
  'stop-gateway',
  'kill-gateway',
  'hog-cpu',
])
const touchesConnections = (kind: string): boolean => touching.has(kind)
/** Names of the plan end in the number of their slot. */
const nameOf = (name: string): string => name.replace(/-\d+$/, '')
const overlaps = (row: Row, { fromMs, toMs }: FaultRecord): boolean =>
  row.endedMs >= fromMs - aftermathMs && row.handedMs <= toMs + aftermathMs
const check = (name: string, isOk: boolean, detail: string): Check => ({ name, isOk, detail })
const list = (pairs: readonly PairOfRecords[]): string =>
  pairs
    .slice(0, 5)
    .map(
      ({ row, server }) =>
        `${row.index} ${row.outcome} / ${server.map(({ outcome, status }) => `${outcome} ${status}`).join('+') || 'none'}`,
    )
    .join(', ')
