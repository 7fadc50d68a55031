import type { FaultRecord } from '../../../src/contract/injection.ts'
import { quantile, sortSamples } from '../../../src/injector/policy/statistics/quantiles.ts'
import {
  aftermathMs,
  check,
  nameOf,
  type Evidence,
  type PairOfRecords,
  type Row,
} from './evidence.ts'

/** Where no fault touched the connection, both sides measured the same. */
export function timesAgree({ report, plan }: Evidence, pairs: readonly PairOfRecords[]) {
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
const overlaps = (row: Row, { fromMs, toMs }: FaultRecord): boolean =>
  row.endedMs >= fromMs - aftermathMs && row.handedMs <= toMs + aftermathMs
