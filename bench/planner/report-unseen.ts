import { findEngineModel } from '../../src/planner/predict/read-scenario.ts'
import { engineModels } from '../../src/engines/models.ts'
import type { Intervals } from '../../src/planner/load/intervals.ts'
import { createErrorBars, intervalOf, widthsOf } from './bars.ts'
import { type BaselineAnswer, loadBaselines } from './baselines.ts'
import { crossValidate, type Fold, folds, type HeldOut } from './cross-validate.ts'
import { fitEngines, type Fits, type Sample } from './fit-engine.ts'
import { foreseeWith, type Foreseen } from './foreseen.ts'
import type { BenchRow } from './rows.ts'
import { sampleRows } from './samples.ts'
import { type Figure, figures } from './score.ts'
import { groupBy, mean, median } from './statistics.ts'

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** Every row by a fit that has seen it, and by those that have not. */
export interface Unseen {
  readonly seen: readonly Foreseen[]
  readonly held: Readonly<Record<Fold, readonly HeldOut[]>>
}

/** Leaves out pairs, accelerators and models, all at once in so many parts. */
export const predictUnseen = (samples: readonly Sample[], fits: Fits, parts?: number): Unseen => ({
  seen: samples.map((sample) => foreseeWith(fits, sample)),
  held: Object.fromEntries(
    (Object.keys(folds) as Fold[]).map((fold) => [fold, crossValidate(samples, fits, fold, parts)]),
  ) as Record<Fold, HeldOut[]>,
})

export function reportUnseen(directory: string, rows: readonly BenchRow[]): UnseenScores {
  const { samples } = sampleRows(rows)
  return printUnseen(predictUnseen(samples, fitEngines(samples)), loadBaselines(directory, rows))
}

/** Figures of a fold for the last line of the bench; shares. */
export type UnseenScores = Readonly<
  Record<Fold, Readonly<Record<Figure, { medianApe: number; coverage80: number }>>>
>

/** How far unseen rows lie, and how far other tools' answers to the same rows. */
export function printUnseen(unseen: Unseen, baselines: readonly BaselineAnswer[]): UnseenScores {
  const scores = (Object.keys(folds) as Fold[]).map((fold) => {
    const all = unseen.held[fold]
    console.log(
      `\nLeaving each ${fold === 'pair' ? '(model, accelerator) pair' : fold} out: median error, mean, share inside an 80 % bar that has not seen it either (rows)`,
    )
    const inside = insideBars(fold, unseen)
    const files = groupBy(all, ({ sample }) => sample.row.file)
    for (const [file, members] of [...files, ['all', all] as const]) {
      const lines = figures.map((figure) => heldLine(members, figure, inside))
      console.log(`  ${file.padEnd(36)}${lines.join('')}`)
    }
    const score = (figure: Figure) => {
      const judged = all.filter((one) => share(one, figure) !== null)
      return {
        medianApe: median(judged.map((one) => share(one, figure) ?? 0)),
        coverage80: judged.filter((one) => inside(one, figure)).length / judged.length,
      }
    }
    return [fold, Object.fromEntries(figures.map((figure) => [figure, score(figure)]))] as const
  })
  compare(baselines, unseen.held.pair)
  return Object.fromEntries(scores) as UnseenScores
}

type IsInside = (one: HeldOut, figure: Figure) => boolean

/** Whether rows lie inside bars that are made as the shipped ones are, from nothing of what was left out with them. */
function insideBars(fold: Fold, { seen, held }: Unseen): IsInside {
  const intervals = new Map<HeldOut, Intervals>()
  const barsWithout = createErrorBars({
    known: seen,
    partly: held.pair,
    unknown: [...held.accelerator, ...held.model],
  })
  for (const members of groupBy(held[fold], (one) => one.fold).values()) {
    const left = new Set(members.map(({ sample }) => sample))
    const widths = widthsOf(barsWithout(left), fold === 'pair' ? 'partly' : 'unknown')
    for (const one of members) intervals.set(one, intervalOf(one, widths))
  }
  return (one, figure) => {
    const measured = one.sample.row.measured[figure]
    const [low, high] = intervals.get(one)?.[figure] ?? [0, 0]
    return measured !== null && measured >= low && measured <= high
  }
}

function heldLine(members: readonly HeldOut[], figure: Figure, isInside: IsInside): string {
  const judged = members.filter((one) => share(one, figure) !== null)
  if (judged.length === 0) return ''
  const inside = judged.filter((one) => isInside(one, figure))
  const shares = judged.map((one) => share(one, figure) ?? 0)
  return `  ${figure} ${percent(median(shares))}, ${percent(mean(shares))}, ${percent(inside.length / judged.length)} (${judged.length})`
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
