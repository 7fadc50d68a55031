import type { InjectionReport } from '../../../contract/injection.ts'
import type { InjectionSpec } from '../../../contract/injection-spec.ts'
import { sortSamples } from '../statistics/quantiles.ts'
import { summarise } from '../statistics/summary.ts'
import type { Schedule } from '../workload/schedule.ts'
import { isGood, tpotMs, ttftMs } from './latency.ts'
import type { RequestRecord } from './record.ts'
import { contains, tokensWithin, type Window } from './window.ts'

/** A mix model by model; a single model is the whole run, and has no part of its own. */
export function measureModels(
  spec: InjectionSpec,
  records: readonly RequestRecord[],
  window: Window,
): InjectionReport['models'] {
  if (spec.models.length < 2) return []
  const windowS = (window.toMs - window.fromMs) / 1000
  return spec.models.map(({ name }, model) => {
    const own = records.filter((record) => record.model === model)
    const inside = own.filter(({ intendedMs }) => contains(window, intendedMs))
    const good = inside.filter((record) => isGood(record, spec.slo)).length
    return {
      name,
      requests: inside.length,
      failed: inside.filter(({ outcome }) => outcome !== 'ok').length,
      requestsPerSecond:
        own.filter(({ outcome, doneMs }) => outcome === 'ok' && contains(window, doneMs)).length /
        windowS,
      outputTokensPerSecond:
        own.reduce((sum, record) => sum + tokensWithin(record, window), 0) / windowS,
      attainment: inside.length === 0 ? null : good / inside.length,
      ttftMs: summarise(sortSamples(inside.map(ttftMs))),
      tpotMs: summarise(sortSamples(inside.map(tpotMs))),
    }
  })
}

/** Sessions as a whole: how many came to their end, and how long one took. Null: every request stood alone. */
export function measureSessions(
  records: readonly RequestRecord[],
  { sessionStarts, timesMs }: Schedule,
): InjectionReport['sessions'] {
  const count = sessionStarts.length - 1
  if (count === timesMs.length) return null
  const sessions = Map.groupBy(records, ({ index }) => {
    const entry = index % timesMs.length
    return Math.floor(index / timesMs.length) * count + sessionOf(sessionStarts, entry)
  })
  let whole = 0
  let failed = 0
  const durations: number[] = []
  for (const [number, calls] of sessions) {
    const session = number % count
    const size = sessionStarts[session + 1]! - sessionStarts[session]!
    const answered = calls.filter(({ outcome }) => outcome === 'ok').length
    if (answered < calls.length) failed++
    if (answered < size) continue
    whole++
    const startMs = calls.reduce((first, { intendedMs }) => Math.min(first, intendedMs), Infinity)
    durations.push(calls.reduce((last, { doneMs }) => Math.max(last, doneMs), 0) - startMs)
  }
  return { begun: sessions.size, whole, failed, durationMs: summarise(sortSamples(durations)) }
}

/** The session that an entry belongs to. */
function sessionOf(sessionStarts: Uint32Array, entry: number): number {
  let low = 0
  let high = sessionStarts.length - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (sessionStarts[middle]! <= entry) low = middle
    else high = middle
  }
  return low
}
