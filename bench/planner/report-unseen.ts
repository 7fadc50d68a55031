import { findEngineModel } from '../../src/planner/predict/read-scenario.ts'
import { engineModels } from '../../src/engines/models.ts'
import { type BaselineAnswer, loadBaselines } from './baselines.ts'
import { crossValidate, type Fold, folds, type HeldOut } from './cross-validate.ts'
import { fitEngines, type Fits, type Sample } from './fit-engine.ts'
import type { BenchRow } from './rows.ts'
import { sampleRows } from './samples.ts'
import { type Figure, figures } from './score.ts'
import { groupBy, mean, median, quantile } from './statistics.ts'

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

export type Unseen = Readonly<Record<Fold, readonly HeldOut[]>>

/** Every row by a fit that has not seen its pair, its accelerator, its model. */
export const predictUnseen = (samples: readonly Sample[], fits: Fits, parts?: number): Unseen =>
  Object.fromEntries(
    (Object.keys(folds) as Fold[]).map((fold) => [fold, crossValidate(samples, fits, fold, parts)]),
  ) as Record<Fold, HeldOut[]>

export function reportUnseen(directory: string, rows: readonly BenchRow[]): void {
  const { samples } = sampleRows(rows)
  printUnseen(predictUnseen(samples, fitEngines(samples)), loadBaselines(directory, rows))
}

/** How far unseen rows lie, and how far other tools' answers to the same rows. */
export function printUnseen(held: Unseen, baselines: readonly BaselineAnswer[]): void {
  for (const [fold, all] of Object.entries(held)) {
    console.log(
      `\nLeaving each ${fold === 'pair' ? '(model, accelerator) pair' : fold} out: median error, mean, share inside an 80 % bar that has not seen it either (rows)`,
    )
    for (const [file, members] of groupBy(all, ({ sample }) => sample.row.file)) {
      const lines = figures.map((figure) => heldLine(members, figure, all))
      console.log(`  ${file.padEnd(36)}${lines.join('')}`)
    }
  }
  compare(baselines, held.pair)
}

function heldLine(members: readonly HeldOut[], figure: Figure, all: readonly HeldOut[]): string {
  const judged = members.flatMap((one) => {
    const error = logError(one, figure)
    return error === null ? [] : [{ one, error }]
  })
  if (judged.length === 0) return ''
  const bars = new Map<string, number>()
  const inside = judged.filter(({ one, error }) => error <= barOf(one, figure, all, bars))
  const shares = judged.map(({ one }) => share(one, figure) ?? 0)
  return `  ${figure} ${percent(median(shares))}, ${percent(mean(shares))}, ${percent(inside.length / judged.length)} (${judged.length})`
}

/** What 80 % of the other folds' rows of the same engine lie within, as a logarithm. */
function barOf(
  { sample, fold }: HeldOut,
  figure: Figure,
  all: readonly HeldOut[],
  bars: Map<string, number>,
): number {
  const engine = sample.scenario.engine.name
  const key = `${engine} ${fold}`
  const known = bars.get(key)
  if (known !== undefined) return known
  const errors = all.flatMap((one) => {
    const isOther =
      one.fold !== fold &&
      one.sample.scenario.engine.name === engine &&
      one.sample.row.unfitReason === null
    const error = isOther ? logError(one, figure) : null
    return error === null ? [] : [error]
  })
  const bar = quantile(errors, 0.8)
  bars.set(key, bar)
  return bar
}

function logError({ sample, predicted }: HeldOut, figure: Figure): number | null {
  const measured = sample.row.measured[figure]
  return measured === null || !(predicted[figure] > 0)
    ? null
    : Math.abs(Math.log(predicted[figure] / measured))
}

function share({ sample, predicted }: HeldOut, figure: Figure): number | null {
  const measured = sample.row.measured[figure]
  return measured === null ? null : Math.abs(predicted[figure] / measured - 1)
}

/** Slice by slice, ours with the pair left out beside every other tool, on the rows that it answered. */
function compare(baselines: readonly BaselineAnswer[], held: readonly HeldOut[]): void {
  const ours = new Map(held.map((one) => [one.sample.row, one]))
  console.log('\nThe same rows, median error: theirs, ours (pair left out), rows')
  for (const [tool, answers] of groupBy(baselines, (one) => one.tool)) {
    compareSlice(tool, 'all', answers, ours)
    const slices = [
      ...groupBy(answers, ({ row }) => `gpu:${row.input.gpu}`),
      ...groupBy(
        answers,
        ({ row }) => `engine:${findEngineModel(row.input.engine, engineModels)?.name ?? 'other'}`,
      ),
      ...groupBy(answers, ({ row }) => `model:${row.input.model}`),
    ]
    for (const [slice, members] of slices) compareSlice(tool, slice, members, ours)
  }
}

function compareSlice(
  tool: string,
  slice: string,
  answers: readonly BaselineAnswer[],
  ours: ReadonlyMap<BenchRow, HeldOut>,
): void {
  const cells = figures.flatMap((figure) => {
    const pairs = answers.flatMap(({ row, predicted }) => {
      const measured = row.measured[figure]
      const theirs = predicted[figure]
      const own = ours.get(row)
      const error = own ? share(own, figure) : null
      if (measured === null || theirs === undefined || error === null) return []
      return [{ theirs: Math.abs(theirs / measured - 1), ours: error }]
    })
    if (pairs.length < 3) return []
    const middle = (of: 'theirs' | 'ours') => percent(median(pairs.map((pair) => pair[of])))
    return [`${figure} ${middle('theirs')} ${middle('ours')} (${pairs.length})`]
  })
  if (cells.length > 0)
    console.log(
      `  ${tool.slice(0, 22).padEnd(24)}${slice.slice(0, 40).padEnd(42)}${cells.join('   ')}`,
    )
}
