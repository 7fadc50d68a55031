import type { InjectionSpec } from '../contract/injection-spec.ts'
import type { InjectionComparison } from '../contract/injection-study.ts'
import type { RequestRecord } from './policy/measurement/record.ts'
import { comparedMetrics } from './policy/search/compared-metrics.ts'
import { abbaOrder, compare, objections, type ArmFacts } from './policy/search/verdict.ts'
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

/**
 * ABBA on the same schedule and prompts in both runs of a pair, other ones in every pair. Where both targets are behind
 * one address the texts differ, their lengths do not: its prefix cache would know the second run's prompts.
 */
export async function compareTargets(
  a: Arm,
  b: Arm,
  options: CompareOptions,
): Promise<InjectionComparison> {
  const startedAt = new Date().toISOString()
  const arms = { a, b }
  // One schedule for both, also where two kept specs have a seed each.
  const { seed } = a.spec
  const isOneServer = new URL(a.spec.url).host === new URL(b.spec.url).host
  const results = { a: [] as InjectionResult[], b: [] as InjectionResult[] }
  for (let pair = 0; pair < options.pairs && !options.interrupt.aborted; pair++)
    for (const name of abbaOrder(pair)) {
      const { spec, options: own } = arms[name]
      options.onRun?.(name, pair)
      const textSeed = isOneServer ? streamSeed(seed, `pair ${pair} ${name}`) : null
      const result = await runInjection(
        {
          ...spec,
          seed: streamSeed(seed, `pair ${pair}`),
          workload: { ...spec.workload, textSeed },
        },
        { ...own, id: `${options.id}-${pair}${name}`, interrupt: options.interrupt },
      )
      if (options.interrupt.aborted) break
      results[name].push(result)
      options.onRunEnd?.(name, pair, result)
    }

  const made = Array.from({ length: Math.min(results.a.length, results.b.length) }, (_, index) => ({
    a: results.a[index]!,
    b: results.b[index]!,
  }))
  // What spoils a run is the client, its host or the count of tokens, not how fast the server was: leaving out is fair.
  const sound = made.filter((pair) => problemsOf(pair.a).length + problemsOf(pair.b).length === 0)
  const compared = comparedMetrics(sound.map((pair) => ({ a: runOf(pair.a), b: runOf(pair.b) })))
  return {
    kind: 'injection-comparison',
    version: 1,
    id: options.id,
    startedAt,
    a: a.spec,
    b: b.spec,
    pairs: sound.length,
    objections: objections(
      factsOf(sound.map((pair) => pair.a)),
      factsOf(sound.map((pair) => pair.b)),
      sound.length,
    ),
    leftOut: made.flatMap((pair, index) =>
      (['a', 'b'] as const).flatMap((arm) =>
        problemsOf(pair[arm]).map(
          (problem) => `pair ${index + 1}, run ${arm.toUpperCase()}: ${problem}`,
        ),
      ),
    ),
    metrics: compare(compared).map((verdict) => ({
      ...verdict,
      interval: [...verdict.interval],
      values: compared
        .find(({ name }) => name === verdict.name)!
        .pairs.map(({ a: ofA, b: ofB }) => ({ a: ofA, b: ofB })),
    })),
  }
}

const runOf = ({ report, records }: InjectionResult) => ({ summary: report.summary, records })
const problemsOf = ({ report }: InjectionResult) => report.summary.validity.problems

function factsOf(results: readonly InjectionResult[]): ArmFacts {
  const records = results.flatMap((result) => result.records)
  const sum = (value: (record: RequestRecord) => number | null) =>
    records.reduce((total, record) => total + (value(record) ?? 0), 0)
  return {
    inputTokens: sum(({ promptTokens }) => promptTokens),
    outputTokens: sum(({ outputTokens }) => outputTokens),
    failedShare:
      records.filter(({ outcome }) => outcome !== 'ok').length / Math.max(1, records.length),
  }
}
