import type { FaultRecord } from '../../../src/contract/injection.ts'
import { aftermathMs, check, clockMs, nameOf, type Check, type Evidence } from './evidence.ts'

/** Users see a recovery with their next request, at 2 requests/s on average after 0.5 s. */
const recoverySlackMs = 5000
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

export function faultsAgree({ report, rows, control, plan }: Evidence, zeroMs: number): Check[] {
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
