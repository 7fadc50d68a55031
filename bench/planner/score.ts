import { engineModels } from '../../src/engines/models.ts'
import { type ErrorBars, predictRow } from '../../src/planner/predict/predict-row.ts'
import { findEngineModel } from '../../src/planner/predict/read-scenario.ts'
import { playBurst } from '../../src/simulator/rehearsal/play-burst.ts'
import type { BenchRow, Measured } from './rows.ts'
import { groupBy, mean, median } from './statistics.ts'

export const figures = ['tpot', 'ttft', 'e2e', 'throughput'] as const satisfies (keyof Measured)[]
export type Figure = (typeof figures)[number]

/** What the shipped coefficients say of a row; null where the row is unsupported. */
export interface Judged {
  readonly row: BenchRow
  readonly unsupported: string | null
  readonly predicted: Readonly<Record<Figure, number>> | null
  readonly interval: Readonly<Record<Figure, readonly [number, number]>> | null
}

/** Errors are shares: 0.08 is 8 %. Null where no row of the slice has the figure. */
export interface Score {
  readonly medianApe: number | null
  readonly meanApe: number | null
  /** Share of rows inside their 80 % interval. */
  readonly coverage80: number | null
}

export type SliceScore = { readonly rows: number; readonly unsupported: number } & Readonly<
  Record<Figure, Score>
>

export function judge(row: BenchRow): Judged {
  const unpredicted = { row, predicted: null, interval: null }
  if (row.isDisaggregated)
    return { ...unpredicted, unsupported: 'prefill and decoding run on engines of their own' }
  const said = predictRow(row.index, row.input, engineModels, playBurst)
  if ('unsupported' in said) return { ...unpredicted, unsupported: said.unsupported }
  const predicted = {
    tpot: said.tpotMsMean,
    ttft: said.ttftMsMean,
    e2e: said.e2eMsMean,
    throughput: said.outputTokensPerSecond,
  }
  return { row, unsupported: null, predicted, interval: intervals(said.errorBar) }
}

const intervals = (bar: ErrorBars) => ({
  tpot: bar.tpotMs,
  ttft: bar.ttftMs,
  e2e: bar.e2eMs,
  throughput: bar.outputTokensPerSecond,
})

export function scoreSlice(members: readonly Judged[]): SliceScore {
  const score = (figure: Figure): Score => {
    const errors: number[] = []
    let inside = 0
    for (const { row, predicted, interval } of members) {
      const measured = row.measured[figure]
      if (measured === null || !predicted || !interval) continue
      errors.push(Math.abs(predicted[figure] / measured - 1))
      if (measured >= interval[figure][0] && measured <= interval[figure][1]) inside++
    }
    if (errors.length === 0) return { medianApe: null, meanApe: null, coverage80: null }
    const round = (value: number) => Number(value.toFixed(4))
    return {
      medianApe: round(median(errors)),
      meanApe: round(mean(errors)),
      coverage80: round(inside / errors.length),
    }
  }
  return {
    rows: members.length,
    unsupported: members.filter((one) => one.unsupported !== null).length,
    tpot: score('tpot'),
    ttft: score('ttft'),
    e2e: score('e2e'),
    throughput: score('throughput'),
  }
}

/** Slices by file, engine and accelerator as the rows name them, and by how the load arrives. */
export function sliceScores(judged: readonly Judged[]): Record<string, SliceScore> {
  const by = (name: string, keyOf: (row: BenchRow) => string): [string, SliceScore][] =>
    [...groupBy(judged, (one) => keyOf(one.row))].map(([key, members]) => [
      `${name}:${key}`,
      scoreSlice(members),
    ])
  return Object.fromEntries([
    ...by('file', (row) => row.file.replace(/\.csv$/, '')),
    ...by('engine', (row) => findEngineModel(row.input.engine, engineModels)?.name ?? 'other'),
    ...by('gpu', (row) => row.input.gpu),
    ...by('mode', (row) => (row.isDisaggregated ? 'disaggregated' : 'aggregated')),
  ])
}
