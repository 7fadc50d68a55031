import type { InjectionSpec } from '../../../contract/injection-spec.ts'
import {
  outcomes,
  type InjectionSummary,
  type Outcome,
} from '../../../contract/injection-summary.ts'
import { sortSamples } from '../statistics/quantiles.ts'
import { summarise } from '../statistics/summary.ts'
import { judgeSteadyState } from '../steady-state.ts'
import { judgeValidity } from './judge-validity.ts'
import {
  e2eMs,
  e2eServiceMs,
  isGood,
  maxStallMs,
  tpotMs,
  ttftMs,
  ttftServiceMs,
} from './latency.ts'
import type { RequestRecord } from './record.ts'
import type { DriverFacts, ServerCounters } from './run-facts.ts'
import { contains, pooledGaps, tokensWithin, type Window } from './window.ts'

export interface Measured {
  readonly records: readonly RequestRecord[]
  readonly window: Window
  readonly facts: DriverFacts
  readonly counters: ServerCounters | null
}

/**
 * The figures of a run. Latency, attainment and goodput are of the requests intended inside the window, followed to
 * their end wherever that lies; rates count events by their own time.
 */
export function measure(
  spec: InjectionSpec,
  { records, window, facts, counters }: Measured,
): InjectionSummary {
  const inside = records.filter(({ intendedMs }) => contains(window, intendedMs))
  const answered = inside.filter(({ outcome }) => outcome === 'ok')
  const good = inside.filter((record) => isGood(record, spec.slo))
  const windowS = (window.toMs - window.fromMs) / 1000
  const of = (from: readonly RequestRecord[], value: (record: RequestRecord) => number) =>
    summarise(sortSamples(from.map(value)))
  const input = sumOf(answered, ({ promptTokens }) => promptTokens)
  const cached = sumOf(answered, ({ cachedTokens }) => cachedTokens)
  const isCounted = records.some(({ outputTokens }) => outputTokens !== null)
  const tokensInWindow = records.reduce((sum, record) => sum + tokensWithin(record, window), 0)
  const completed = records.filter(
    ({ outcome, doneMs }) => outcome === 'ok' && contains(window, doneMs),
  )

  return {
    ttftMs: of(inside, ttftMs),
    ttftServiceMs: of(inside, ttftServiceMs),
    tpotMs: of(answered, tpotMs),
    iclMs: summarise(pooledGaps(inside)),
    e2eMs: of(answered, e2eMs),
    e2eServiceMs: of(answered, e2eServiceMs),
    maxStallMs: of(inside, maxStallMs),
    promptTokens: of(answered, ({ promptTokens }) => promptTokens ?? NaN),
    outputTokens: of(answered, ({ outputTokens }) => outputTokens ?? NaN),
    eventCoverage: coverageOf(answered),
    requests: inside.length,
    requestsPerSecond: completed.length / windowS,
    offeredPerSecond: inside.length / windowS,
    inputTokensPerSecond: input === null ? null : input / windowS,
    outputTokensPerSecond: isCounted ? tokensInWindow / windowS : null,
    goodputPerSecond: good.length / windowS,
    goodTokensPerSecond: isCounted
      ? (sumOf(good, ({ outputTokens }) => outputTokens) ?? 0) / windowS
      : null,
    attainment: inside.length === 0 ? null : good.length / inside.length,
    cachedTokenShare: input !== null && input > 0 && cached !== null ? cached / input : null,
    lengthMismatches: spec.request.ignoresEos
      ? answered.filter(
          ({ outputTokens, wantedOutputTokens }) =>
            outputTokens !== null && outputTokens !== wantedOutputTokens,
        ).length
      : 0,
    cost: costOf(spec, records),
    outcomes: countOutcomes(inside),
    validity: judgeValidity(spec, records, inside, facts, counters),
    steadyState: judgeSteadyState(inside, window),
  }
}

/** What the tokens so far cost; null where no price is set. */
function costOf(spec: InjectionSpec, records: readonly RequestRecord[]): number | null {
  const { inputPricePerMillion, outputPricePerMillion } = spec.limits
  if (inputPricePerMillion === 0 && outputPricePerMillion === 0) return null
  const input = sumOf(records, ({ promptTokens }) => promptTokens) ?? 0
  const output = sumOf(records, ({ outputTokens }) => outputTokens) ?? 0
  return (input * inputPricePerMillion + output * outputPricePerMillion) / 1e6
}

function countOutcomes(records: readonly RequestRecord[]): Partial<Record<Outcome, number>> {
  const counts: Partial<Record<Outcome, number>> = {}
  for (const outcome of outcomes) {
    const count = records.filter((record) => record.outcome === outcome).length
    if (count > 0) counts[outcome] = count
  }
  return counts
}

function coverageOf(records: readonly RequestRecord[]): number | null {
  let events = 0
  let tokens = 0
  for (const { contentMs, outputTokens } of records)
    if (outputTokens !== null && contentMs.length > 0) {
      events += contentMs.length
      tokens += outputTokens
    }
  return tokens === 0 ? null : events / tokens
}

/** Null where no record says. */
function sumOf(
  records: readonly RequestRecord[],
  value: (record: RequestRecord) => number | null,
): number | null {
  let sum: number | null = null
  for (const record of records) {
    const one = value(record)
    if (one !== null) sum = (sum ?? 0) + one
  }
  return sum
}
