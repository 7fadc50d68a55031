import type { ErrorBar, ErrorBars, Situation } from '../../src/core/engine-model.ts'
import type { HalfWidths } from '../../src/planner/load/calibrated-bars.ts'
import { intervalsOf, type Intervals } from '../../src/planner/load/intervals.ts'
import { situationOf } from '../../src/planner/load/published-bars.ts'
import type { Sample } from './fit-engine.ts'
import type { Foreseen } from './foreseen.ts'

const figures = ['tpot', 'ttft', 'e2e', 'throughput'] as const

/** Half-widths by engine and situation. */
export type WidthsOf = (engine: string, situation: Situation) => HalfWidths

/** Fewer runs than this say nothing of a quantile: all engines together speak for the engine. */
const runsMin = 20

interface Miss {
  readonly sample: Sample
  /** Of the logarithm. */
  readonly error: number
}

interface Misses {
  /** In order of size, by engine, situation and figure. */
  readonly byKey: ReadonlyMap<string, readonly Miss[]>
  /** Of these, so many inside are 80 % of all rows, the misleading ones taken for outside. */
  readonly inside: number
}

/**
 * Rows that were not measured as they say: those of one table that contradicts another on the same machines (what they are off by,
 * tenfold, made every bar of vLLM that reads ±559 %), and those whose prompts came from a prefix cache. They say nothing of what a
 * run will be off by that is as its row says, and count as outside: the bars of all others are a little wider for it.
 */
const isMisleading = ({ row }: Sample): boolean =>
  /contradicts|prefix cache/.test(row.unfitReason ?? '')

/**
 * What runs were off by. Rows that nothing is learnt from count: whoever asks may have run the like. Open loops do not: what
 * they are off by grows with the load (`intervalsOf`).
 */
function missesOf(foreseen: readonly Foreseen[]): Misses {
  const misses = new Map<string, Miss[]>()
  let all = 0
  let misleading = 0
  for (const { sample, state, predicted } of foreseen) {
    const { engine, load } = sample.scenario
    if (load.kind === 'open') continue
    all++
    if (isMisleading(sample)) {
      misleading++
      continue
    }
    const situation = situationOf(load, state.promptShare)
    for (const figure of figures) {
      const measured = sample.row.measured[figure]
      if (measured === null || !(predicted[figure] > 0)) continue
      const miss = { sample, error: Math.abs(Math.log(predicted[figure] / measured)) }
      for (const key of keysOf(engine.name, situation, figure)) {
        const own = misses.get(key)
        if (own) own.push(miss)
        else misses.set(key, [miss])
      }
    }
  }
  return {
    byKey: new Map(
      [...misses].map(([key, own]) => [key, own.toSorted((a, b) => a.error - b.error)]),
    ),
    inside: Math.min(0.9, (0.8 * all) / Math.max(1, all - misleading)),
  }
}

/** From the particular to the general. */
const keysOf = (engine: string, situation: Situation, figure: keyof HalfWidths) => [
  `${engine} ${situation} ${figure}`,
  `${situation} ${figure}`,
  `every ${figure}`,
]

/** What 80 % of runs were off by at most, those left out not counted. */
function widthsFrom(misses: Misses, left: ReadonlySet<Sample>): WidthsOf {
  const found = new Map<string, number | null>()
  const quantile80 = (key: string): number | null => {
    const known = found.get(key)
    if (known !== undefined) return known
    const own = (misses.byKey.get(key) ?? []).filter(({ sample }) => !left.has(sample))
    const at = Math.round(misses.inside * (own.length - 1))
    // Left out with its device and with its model, a run stands there twice.
    const runs = new Set(own.map(({ sample }) => sample)).size
    const bar = runs >= runsMin ? (own[at]?.error ?? null) : null
    found.set(key, bar)
    return bar
  }
  return (engine, situation) => {
    const bar = (figure: keyof HalfWidths) =>
      keysOf(engine, situation, figure)
        .map(quantile80)
        .find((one) => one !== null) ?? 0.5
    return { tpot: bar('tpot'), ttft: bar('ttft'), e2e: bar('e2e'), throughput: bar('throughput') }
  }
}

export const intervalOf = ({ scenario, state }: Foreseen, widths: WidthsOf): Intervals =>
  intervalsOf(
    scenario,
    state,
    widths(scenario.engine.name, situationOf(scenario.load, state.promptShare)),
  )

/** Runs by what a fit had seen of them. */
export type ByFamiliarity = Readonly<Record<keyof ErrorBar, readonly Foreseen[]>>

/** Nobody is surer of what was never seen: the least by which its bars are wider. */
const leastGrowth = 1.05

/** Bars of one familiarity only. */
export const widthsOf =
  (bars: (engine: string) => Record<Situation, ErrorBars>, familiarity: keyof ErrorBar): WidthsOf =>
  (engine, situation) => {
    const { tpot, ttft, e2e, throughput } = bars(engine)[situation]
    return {
      tpot: tpot[familiarity],
      ttft: ttft[familiarity],
      e2e: e2e[familiarity],
      throughput: throughput[familiarity],
    }
  }

/**
 * The error bars of an engine, from runs that are not in `left`. An engine has been measured on few devices, so that how much
 * wider the bars of unseen ones have to be than those of unseen pairs is taken from all engines together.
 */
export function createErrorBars(runs: ByFamiliarity) {
  const [seen, pairs, others] = [runs.known, runs.partly, runs.unknown].map(missesOf)
  return (left: ReadonlySet<Sample> = new Set()) => {
    const known = widthsFrom(seen!, left)
    const partly = widthsFrom(pairs!, left)
    const unknown = widthsFrom(others!, left)
    const all = (of: WidthsOf) => of('', 'decoding')
    const growth = (figure: keyof HalfWidths): number =>
      Math.max(leastGrowth, all(unknown)[figure] / all(partly)[figure])
    return (engine: string): Record<Situation, ErrorBars> => {
      const bars = (situation: Situation): ErrorBars => {
        const bar = (figure: keyof HalfWidths): ErrorBar => {
          const own = known(engine, situation)[figure]
          const pair = Math.max(own, partly(engine, situation)[figure])
          const neither = Math.max(unknown(engine, situation)[figure], pair * growth(figure))
          const digits = (value: number) => Number(value.toFixed(3))
          return { known: digits(own), partly: digits(pair), unknown: digits(neither) }
        }
        return {
          tpot: bar('tpot'),
          ttft: bar('ttft'),
          e2e: bar('e2e'),
          throughput: bar('throughput'),
        }
      }
      return {
        decoding: bars('decoding'),
        reading: bars('reading'),
        maxLoad: bars('maxLoad'),
        burst: bars('burst'),
      }
    }
  }
}
