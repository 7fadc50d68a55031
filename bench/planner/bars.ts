import type { ErrorBar, ErrorBars, Situation } from '../../src/core/engine-model.ts'
import type { HalfWidths } from '../../src/planner/load/calibrated-bars.ts'
import { intervalsOf, type Intervals } from '../../src/planner/load/intervals.ts'
import { situationOf } from '../../src/planner/load/published-bars.ts'
import type { Foreseen } from './foreseen.ts'
import { quantile } from './statistics.ts'

export const situations = ['decoding', 'reading', 'maxLoad', 'burst'] as const satisfies Situation[]
const figures = ['tpot', 'ttft', 'e2e', 'throughput'] as const

/** Half-widths by engine and situation. */
export type WidthsOf = (engine: string, situation: Situation) => HalfWidths

/** Fewer runs than this say nothing of a quantile: all engines together speak for the engine. */
const runsMin = 20

/**
 * What 80 % of these runs were off by, as a logarithm. Rows that nothing is learnt from count: whoever asks may have run the
 * like. Open loops do not: what they are off by grows with the load (`intervalsOf`).
 */
function widthsFrom(foreseen: readonly Foreseen[]): WidthsOf {
  const errors = new Map<string, number[]>()
  for (const one of foreseen) {
    const { sample, state } = one
    const { engine, load } = sample.scenario
    if (load.kind === 'open') continue
    const situation = situationOf(load, state.promptShare)
    for (const figure of figures) {
      const measured = sample.row.measured[figure]
      if (measured === null || !(one.predicted[figure] > 0)) continue
      const error = Math.abs(Math.log(one.predicted[figure] / measured))
      for (const key of [
        `${engine.name} ${situation} ${figure}`,
        `${situation} ${figure}`,
        `decoding ${figure}`,
      ]) {
        const own = errors.get(key)
        if (own) own.push(error)
        else errors.set(key, [error])
      }
    }
  }
  const bars = new Map<string, number>()
  for (const [key, found] of errors)
    if (found.length >= runsMin) bars.set(key, quantile(found, 0.8))
  return (engine, situation) => {
    const bar = (figure: keyof HalfWidths) =>
      bars.get(`${engine} ${situation} ${figure}`) ??
      bars.get(`${situation} ${figure}`) ??
      bars.get(`decoding ${figure}`) ??
      0.5
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
 * The error bars of an engine. An engine has been measured on few devices, so that how much wider the bars of unseen ones
 * have to be than those of unseen pairs is taken from all engines together.
 */
export function createErrorBars(runs: ByFamiliarity) {
  const known = widthsFrom(runs.known)
  const partly = widthsFrom(runs.partly)
  const unknown = widthsFrom(runs.unknown)
  const growth = (figure: keyof HalfWidths): number => {
    const all = (of: WidthsOf) => of('', 'decoding')[figure]
    return Math.max(leastGrowth, all(unknown) / all(partly))
  }
  return (engine: string): Record<Situation, ErrorBars> => {
    const bars = (situation: Situation): ErrorBars => {
      const bar = (figure: keyof HalfWidths): ErrorBar => {
        const seen = known(engine, situation)[figure]
        const pair = Math.max(seen, partly(engine, situation)[figure])
        const neither = Math.max(unknown(engine, situation)[figure], pair * growth(figure))
        const digits = (value: number) => Number(value.toFixed(3))
        return { known: digits(seen), partly: digits(pair), unknown: digits(neither) }
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
