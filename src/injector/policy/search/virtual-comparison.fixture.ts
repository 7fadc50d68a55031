import { createRandom, type Random } from '../../../core/random.ts'
import { e2eMs, tpotMs, ttftMs } from '../measurement/latency.ts'
import type { RequestRecord } from '../measurement/record.ts'
import { drawExponential, drawNormal } from '../statistics/draw.ts'
import { sortSamples } from '../statistics/quantiles.ts'
import { summarise } from '../statistics/summary.ts'
import { comparedMetrics, type ComparedRun } from './compared-metrics.ts'
import { compare, type MetricVerdict } from './verdict.ts'

const pairs = 8
const requests = 600
const tokens = 40

/** How much slower B is than A. */
export interface Planted {
  readonly ttft: number
  readonly tpot: number
}

/** A run in virtual time: prompts as given, noise of each request, and luck of each run. */
function virtualRun(prompts: readonly number[], random: Random, slower: Planted): ComparedRun {
  const luck = Math.exp(0.015 * drawNormal(random))
  const noisy = (baseMs: number) => baseMs * luck * Math.exp(0.2 * drawNormal(random))
  const records = prompts.map((prompt, index) => {
    const firstMs = noisy((80 + 0.2 * prompt) * slower.ttft)
    const lastMs = firstMs + (tokens - 1) * noisy(22 * slower.tpot)
    const contentMs = Float64Array.of(firstMs, lastMs)
    return { index, intendedMs: 0, contentMs, outputTokens: tokens, doneMs: lastMs }
  }) as unknown as RequestRecord[]
  const of = (value: (record: RequestRecord) => number) =>
    summarise(sortSamples(records.map(value)))
  return {
    records,
    summary: {
      ttftMs: of(ttftMs),
      tpotMs: of(tpotMs),
      e2eMs: of(e2eMs),
      goodputPerSecond: records.filter((record) => e2eMs(record) < 1100).length,
    },
  }
}

/** Eight pairs of runs on a machine whose speed drifts, and what is said of them. */
export function virtualComparison(seed: number, planted: Planted): MetricVerdict[] {
  const random = createRandom(seed)
  let drift = 1
  const runs = Array.from({ length: pairs }, () => {
    const prompts = Array.from({ length: requests }, () => 400 * drawExponential(random))
    drift *= Math.exp(0.01 * drawNormal(random))
    const slower = { ttft: drift * planted.ttft, tpot: drift * planted.tpot }
    return {
      a: virtualRun(prompts, random, { ttft: drift, tpot: drift }),
      b: virtualRun(prompts, random, slower),
    }
  })
  return compare(comparedMetrics(runs))
}

export const isDifferent = ({ verdict }: MetricVerdict): boolean =>
  verdict === 'better' || verdict === 'worse'
