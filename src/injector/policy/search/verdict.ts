import { moments } from '../statistics/dispersion.ts'
import { studentT, studentTail } from '../statistics/special.ts'

/** One metric of one pair of runs, on the same schedule and prompts. */
export interface Pair {
  readonly a: number
  readonly b: number
  /** B over A where that is known better than from the two. */
  readonly ratio?: number
}

export interface ComparedMetric {
  readonly name: string
  /** Its share of the chance of a false difference, against the other metrics; 1 where not said. */
  readonly weight?: number
  readonly isLowerBetter: boolean
  readonly pairs: readonly Pair[]
}

export interface MetricVerdict {
  readonly name: string
  /** B against A; `equivalent`: the interval lies within ±3 %, on whatever side; `no difference`: none was found, there may be one. */
  readonly verdict: 'better' | 'worse' | 'equivalent' | 'no difference'
  /** B over A, as a geometric mean over the pairs. */
  readonly ratio: number
  readonly interval: readonly [number, number]
  /** Chance of a ratio as far from 1 if there were no difference. */
  readonly chance: number
  readonly pairs: number
}

const pairsMin = 5
const equivalenceShare = 0.03

/**
 * Better, worse or no difference, metric by metric. The unit is the pair of runs, not the request: requests of one run
 * share its luck. Student's interval of the log ratio; Holm's steps, by weight (Holm 1979), keep the chance of any false
 * difference at `alpha` over all metrics together.
 */
export function compare(metrics: readonly ComparedMetric[], alpha = 0.05): MetricVerdict[] {
  const tests = metrics
    .map((metric) => ({ metric, logs: logRatios(metric.pairs) }))
    .filter(({ logs }) => logs.length >= 2)
    .map(({ metric, logs }) => {
      const { mean, variance } = moments(logs)
      const error = Math.max(Math.sqrt(variance / logs.length), 1e-12)
      const freedom = logs.length - 1
      const weight = metric.weight ?? 1
      return { metric, weight, mean, error, freedom, chance: studentTail(mean / error, freedom) }
    })
    .toSorted((x, y) => x.chance / x.weight - y.chance / y.weight)

  let isStillDifferent = true
  const verdicts = tests.map(
    ({ metric, weight, mean, error, freedom, chance }, rank): MetricVerdict => {
      const left = tests.slice(rank).reduce((sum, test) => sum + test.weight, 0)
      const level = (alpha * weight) / left
      isStillDifferent &&= chance < level
      // After the first that is not different, Holm tests no further; its own level is the fair one to show.
      const width = studentT(1 - level, freedom) * error
      const interval = [Math.exp(mean - width), Math.exp(mean + width)] as const
      const isEquivalent =
        interval[0] > 1 - equivalenceShare && interval[1] < 1 / (1 - equivalenceShare)
      const isBetter = mean < 0 === metric.isLowerBetter
      return {
        name: metric.name,
        // Two servers are never quite alike, and enough pairs show it: that is no news.
        verdict: isEquivalent
          ? 'equivalent'
          : isStillDifferent
            ? isBetter
              ? 'better'
              : 'worse'
            : 'no difference',
        ratio: Math.exp(mean),
        interval,
        chance,
        pairs: freedom + 1,
      }
    },
  )
  return metrics.flatMap(({ name }) => verdicts.filter((verdict) => verdict.name === name))
}

/** What makes two arms not comparable, whatever their latencies say. */
export interface ArmFacts {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly failedShare: number
}

/** Reasons against comparing; empty: none. */
export function objections(a: ArmFacts, b: ArmFacts, pairs: number): string[] {
  const differs = (x: number, y: number, share: number) => Math.abs(x - y) > share * Math.max(x, y)
  const found: string[] = []
  if (pairs < pairsMin)
    found.push(`${pairs} pairs of runs that can be trusted; ${pairsMin} are needed`)
  if (differs(a.inputTokens, b.inputTokens, 0.005))
    found.push(`prompts differ: ${a.inputTokens} against ${b.inputTokens} tokens`)
  if (differs(a.outputTokens, b.outputTokens, 0.005))
    found.push(`answers differ: ${a.outputTokens} against ${b.outputTokens} tokens (--ignore-eos?)`)
  if (Math.abs(a.failedShare - b.failedShare) > 0.01)
    found.push(
      `failures differ: ${(a.failedShare * 100).toFixed(1)} % against ${(b.failedShare * 100).toFixed(1)} %`,
    )
  return found
}

/** ABBA: which arm each run of a pair is, so that slow drift hits both alike. */
export const abbaOrder = (pair: number): readonly ['a' | 'b', 'a' | 'b'] =>
  pair % 2 === 0 ? ['a', 'b'] : ['b', 'a']

function logRatios(pairs: readonly Pair[]): number[] {
  return pairs
    .filter(({ a, b }) => a > 0 && b > 0)
    .map(({ a, b, ratio = b / a }) => Math.log(ratio))
}
