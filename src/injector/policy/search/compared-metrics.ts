import type { InjectionSummary } from '../../../contract/injection-summary.ts'
import { ttftMs, tpotMs } from '../measurement/latency.ts'
import type { RequestRecord } from '../measurement/record.ts'
import { quantile, sortSamples } from '../statistics/quantiles.ts'
import type { ComparedMetric, Pair } from './verdict.ts'

/** What of a run is compared. */
export interface ComparedRun {
  readonly summary: Pick<InjectionSummary, 'ttftMs' | 'tpotMs' | 'e2eMs' | 'goodputPerSecond'>
  readonly records: readonly RequestRecord[]
}

/** Below it the median of ratios is no better than the ratio of medians. */
const matchesMin = 20

/**
 * The metrics that are compared. The two medians that users feel get most of the chance of error. They compare each
 * request with itself in the other run, by the median of the ratios: prompts differ by far more than runs do.
 */
export function comparedMetrics(
  runs: readonly { readonly a: ComparedRun; readonly b: ComparedRun }[],
): ComparedMetric[] {
  const metric = (
    name: string,
    weight: number,
    value: (run: ComparedRun['summary']) => number | null,
    ofRequest: ((record: RequestRecord) => number) | null = null,
    isLowerBetter = true,
  ): ComparedMetric => ({
    name,
    weight,
    isLowerBetter,
    pairs: runs.map(({ a, b }): Pair => {
      const ratio = ofRequest && medianRatio(a.records, b.records, ofRequest)
      return {
        a: value(a.summary) ?? 0,
        b: value(b.summary) ?? 0,
        ...(ratio === null ? {} : { ratio }),
      }
    }),
  })
  return [
    metric('TTFT p50', 6, (summary) => summary.ttftMs.p50, ttftMs),
    metric('TPOT p50', 6, (summary) => summary.tpotMs.p50, tpotMs),
    metric('E2E p50', 1, (summary) => summary.e2eMs.p50),
    metric('TTFT p90', 1, (summary) => summary.ttftMs.p90),
    metric('goodput', 1, (summary) => summary.goodputPerSecond, null, false),
  ]
}

/** B over A of the same request, in the median; null: too few were answered in both. */
function medianRatio(
  a: readonly RequestRecord[],
  b: readonly RequestRecord[],
  value: (record: RequestRecord) => number,
): number | null {
  const ofA = new Map(a.map((record) => [record.index, value(record)]))
  const ratios = sortSamples(
    b.map((record) => value(record) / (ofA.get(record.index) ?? NaN)).filter(Number.isFinite),
  )
  return ratios.length < matchesMin ? null : quantile(ratios, 0.5)
}
