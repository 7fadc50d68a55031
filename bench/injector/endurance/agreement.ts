import { quantile, sortSamples } from '../../../src/injector/policy/statistics/quantiles.ts'
import { countersAgree } from './counter-checks.ts'
import type { Check, Evidence, Row, ServerRecord } from './evidence.ts'
import { failuresAreExplained, faultsAgree } from './fault-checks.ts'
import { outcomesAgree, tokensAgree } from './request-checks.ts'
import { timesAgree } from './time-checks.ts'

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
