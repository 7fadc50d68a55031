import { check, type Evidence, type PairOfRecords } from './evidence.ts'

export function outcomesAgree(
  { report, rows, records }: Evidence,
  pairs: readonly PairOfRecords[],
) {
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

export function tokensAgree(pairs: readonly PairOfRecords[]) {
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

const list = (pairs: readonly PairOfRecords[]): string =>
  pairs
    .slice(0, 5)
    .map(
      ({ row, server }) =>
        `${row.index} ${row.outcome} / ${server.map(({ outcome, status }) => `${outcome} ${status}`).join('+') || 'none'}`,
    )
    .join(', ')
