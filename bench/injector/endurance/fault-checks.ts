import type { FaultRecord } from '../../../src/contract/injection.ts'
import { aftermathMs, check, clockMs, nameOf, type Check, type Evidence } from './evidence.ts'

/** The two see a request at other times, and its last few before the recovery may lie on either side. */
const recoverySlackMs = 5000
const wellMs = 5000
/** Of what was good before, as the report has it. */
const wellShare = 0.95
/** A replica that was killed comes back; until then requests wait or are refused. */
const killAftermathMs = 60_000

export function failuresAreExplained({ report, rows, plan }: Evidence) {
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

export function faultsAgree(evidence: Evidence, zeroMs: number): Check[] {
  const { report, rows, control, plan } = evidence
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
        recovery(label, fault, evidence, zeroMs),
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
          ? recovery(label, fault, evidence, zeroMs)
          : check(`${label} control saw it ready again`, false, ''),
      )
    }
  }
  return checks
}

/** The report's recovery against what the gateway's own books say of the requests that came: when were users well again? */
function recovery(label: string, fault: FaultRecord, evidence: Evidence, zeroMs: number) {
  const { recoveredAfterMs } = fault
  const serverMs = wellAgainAfterMs(evidence, {
    zeroMs,
    fromMs: fault.fromMs,
    ttftMsMax: evidence.report.spec.slo.ttftMs ?? Infinity,
    share: wellShare * (fault.attainmentBefore ?? 1),
  })
  const isOk =
    recoveredAfterMs !== null &&
    serverMs !== null &&
    Math.abs(recoveredAfterMs - serverMs) < recoverySlackMs
  return check(
    `${label} recovery`,
    isOk,
    `report ${recoveredAfterMs?.toFixed(0)} ms, books ${serverMs?.toFixed(0)} ms`,
  )
}

/** From the onset to the first time from which on, for five seconds, that share of the requests was answered in time. */
function wellAgainAfterMs(
  { records, rows, report }: Evidence,
  {
    zeroMs,
    fromMs,
    ttftMsMax,
    share,
  }: { zeroMs: number; fromMs: number; ttftMsMax: number; share: number },
): number | null {
  const reached = new Set(records.map(({ clientId }) => clientId))
  const came = [
    ...records.map(({ atMs, e2eMs, outcome, ttftMs }) => ({
      atMs: atMs - e2eMs - zeroMs,
      isGood: outcome === 'ok' && ttftMs !== null && ttftMs <= ttftMsMax,
    })),
    // The relay answered these itself: the books do not know them.
    ...rows
      .filter(({ index }) => !reached.has(`${report.id}-${index}`))
      .map(({ intendedMs }) => ({ atMs: intendedMs, isGood: false })),
  ]
    // Those under way at the onset as well: what became of them belongs to it.
    .filter(({ atMs }) => atMs > fromMs - ttftMsMax)
    .sort((a, b) => a.atMs - b.atMs)
  const lastMs = came.at(-1)?.atMs ?? fromMs
  for (const { atMs, isGood } of came) {
    if (!isGood || atMs < fromMs || atMs + wellMs > lastMs + 1000) continue
    const window = came.filter((one) => one.atMs >= atMs && one.atMs < atMs + wellMs)
    const good = window.filter((one) => one.isGood).length
    if (good / window.length >= share) return atMs - fromMs
  }
  return null
}
