import type { InjectionSpec, InjectionSummary } from '../contract/injection.ts'
import type { InjectionComparison } from '../contract/injection-study.ts'
import type { RequestRecord } from './policy/measurement/record.ts'
import {
  abbaOrder,
  compare,
  objections,
  type ArmFacts,
  type ComparedMetric,
  type Pair,
} from './policy/search/verdict.ts'
import { streamSeed } from './policy/statistics/draw.ts'
import { runInjection, type InjectionOptions, type InjectionResult } from './run-injection.ts'

export interface Arm {
  readonly spec: InjectionSpec
  readonly options: InjectionOptions
}

export interface CompareOptions {
  readonly id: string
  readonly pairs: number
  readonly interrupt: AbortSignal
  onRun?(arm: 'a' | 'b', pair: number): void
  onRunEnd?(arm: 'a' | 'b', pair: number, result: InjectionResult): void
}

/** Metrics that are compared: name, where it stands, and which way is better. */
const metrics = [
  ['TTFT p50', (summary: InjectionSummary) => summary.ttftMs.p50, true],
  ['TPOT p50', (summary: InjectionSummary) => summary.tpotMs.p50, true],
  ['E2E p50', (summary: InjectionSummary) => summary.e2eMs.p50, true],
  ['TTFT p90', (summary: InjectionSummary) => summary.ttftMs.p90, true],
  ['goodput', (summary: InjectionSummary) => summary.goodputPerSecond, false],
] as const

/** ABBA on the same schedule and prompts in both runs of a pair, other ones in every pair. */
export async function compareTargets(
  a: Arm,
  b: Arm,
  options: CompareOptions,
): Promise<InjectionComparison> {
  const startedAt = new Date().toISOString()
  const arms = { a, b }
  const results = { a: [] as InjectionResult[], b: [] as InjectionResult[] }
  for (let pair = 0; pair < options.pairs && !options.interrupt.aborted; pair++)
    for (const name of abbaOrder(pair)) {
      const { spec, options: own } = arms[name]
      options.onRun?.(name, pair)
      const result = await runInjection(
        { ...spec, seed: streamSeed(spec.seed, `pair ${pair}`) },
        { ...own, id: `${options.id}-${pair}${name}`, interrupt: options.interrupt },
      )
      if (options.interrupt.aborted) break
      results[name].push(result)
      options.onRunEnd?.(name, pair, result)
    }

  const pairs = Math.min(results.a.length, results.b.length)
  const compared: ComparedMetric[] = metrics.map(([name, value, isLowerBetter]) => ({
    name,
    isLowerBetter,
    pairs: Array.from({ length: pairs }, (_, index): Pair => ({
      a: value(results.a[index]!.report.summary) ?? 0,
      b: value(results.b[index]!.report.summary) ?? 0,
    })),
  }))
  return {
    kind: 'injection-comparison',
    version: 1,
    id: options.id,
    startedAt,
    a: a.spec,
    b: b.spec,
    pairs,
    objections: objections(factsOf(results.a), factsOf(results.b), pairs),
    metrics: compare(compared).map((verdict) => ({
      ...verdict,
      interval: [...verdict.interval],
      values: [...compared.find(({ name }) => name === verdict.name)!.pairs],
    })),
  }
}

function factsOf(results: readonly InjectionResult[]): ArmFacts {
  const records = results.flatMap((result) => result.records)
  const sum = (value: (record: RequestRecord) => number | null) =>
    records.reduce((total, record) => total + (value(record) ?? 0), 0)
  return {
    inputTokens: sum(({ promptTokens }) => promptTokens),
    outputTokens: sum(({ outputTokens }) => outputTokens),
    failedShare:
      records.filter(({ outcome }) => outcome !== 'ok').length / Math.max(1, records.length),
    isTrustworthy: results.every(({ report }) => report.summary.validity.isTrustworthy),
  }
}
