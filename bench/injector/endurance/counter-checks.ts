import { check, clockMs, type Check, type Evidence, type ServerRecord } from './evidence.ts'

export function countersAgree({ counters, records }: Evidence): Check[] {
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
