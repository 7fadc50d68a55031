import { measuredName } from '../../src/planner/model-facts.ts'
import { type Fits, fitTargets, prepare, type Sample } from './fit-engine.ts'
import { foreseeWith, type Foreseen } from './foreseen.ts'
import { groupBy } from './statistics.ts'

/** What the planner said of a row that it had not been fitted to. */
export interface HeldOut extends Foreseen {
  /** What was left out with it. */
  readonly fold: string
}

/** What is left out at a time; DeepSeek-R1 and V3 are one model here. */
export const folds = {
  pair: ({ pair }: Sample) => pair,
  accelerator: ({ scenario }: Sample) => scenario.layout.device.name,
  model: ({ scenario }: Sample) => measuredName(scenario.layout.model),
} as const

export type Fold = keyof typeof folds

/**
 * Leaves out one group of runs after another, under every engine at once, fits all engines to the rest and predicts the
 * group. `fits` only says at which operating points the rest ran. With `parts` so many groups are left out at a time that
 * there are that many rounds: quicker, and harder.
 */
export function crossValidate(
  samples: readonly Sample[],
  fits: Fits,
  fold: Fold,
  parts = Number.POSITIVE_INFINITY,
): HeldOut[] {
  const names = [...new Set(samples.map(folds[fold]))].toSorted()
  const partOf = new Map(names.map((name, at) => [name, String(at % parts)]))
  const groupOf = (sample: Sample) => partOf.get(folds[fold](sample)) ?? ''
  const targets = prepare(samples, fits)
  return [...groupBy(samples, groupOf)].flatMap(([group, members]) => {
    const isLeft = ({ sample }: { sample: Sample }) => groupOf(sample) !== group
    const rest = {
      step: targets.step.filter(isLeft),
      firstToken: targets.firstToken.filter(isLeft),
    }
    const unseen = fitTargets(rest, fits)
    return members.map((sample) => ({ ...foreseeWith(unseen, sample), fold: group }))
  })
}
