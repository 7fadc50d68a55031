import type {
  EngineModel,
  FirstTokenCoefficients,
  FittedEra,
  StepCoefficients,
} from '../../src/core/engine-model.ts'
import {
  correctionKeys,
  everyEngine,
  learntWith,
  type TimedPart,
} from '../../src/planner/load/correction.ts'
import { defaultFirstToken, defaultStep } from '../../src/planner/load/default-coefficients.ts'
import { eraOf } from '../../src/planner/load/scenario.ts'
import type { SteadyState } from '../../src/planner/load/steady-state.ts'
import { farEras, farTrust } from './eras.ts'
import type { Sample } from './fit-engine.ts'
import { groupBy } from './statistics.ts'

export const stepKeys = Object.keys(defaultStep) as (keyof StepCoefficients)[]
export const firstTokenKeys = Object.keys(defaultFirstToken) as (keyof FirstTokenCoefficients)[]

/** One measured time, what the closed form multiplies to reach it, and what else may shift it. */
export interface Target {
  readonly sample: Sample
  readonly features: readonly number[]
  readonly measured: number
  /** Engine and era: what the coefficients belong to. */
  readonly group: string
  /** Effects that show in it, under the engine's name. */
  readonly keys: readonly string[]
  readonly weight: number
}

export interface Targets {
  readonly step: readonly Target[]
  readonly firstToken: readonly Target[]
}

interface Evaluated {
  readonly sample: Sample
  readonly state: SteadyState
}

interface Found {
  readonly sample: Sample
  readonly features: readonly number[]
  readonly measured: number
  /** Default 1. */
  readonly trust?: number
}

/** A pace says of the time between tokens less than that time itself: offline runs have no clients to wait for. */
const paceTrust = 0.1

/** Engine and era under whose name coefficients are learnt. */
export const groupName = (engine: string, era: FittedEra, part: TimedPart): string =>
  `${engine} ${learntWith(era, part)}`

/** Everything that may be learnt from. A run that a table repeats under another name is learnt from once. */
export function targetsOf(
  evaluated: readonly Evaluated[],
  engineOf: (sample: Sample) => EngineModel,
): Targets {
  const fit = evaluated.filter(({ sample }) => sample.row.unfitReason === null)
  return {
    step: weighed(fit.flatMap(stepTarget), engineOf, 'step'),
    firstToken: weighed(fit.flatMap(firstTokenTarget), engineOf, 'firstToken'),
  }
}

/** Which time of a row tells about the step: the gap between tokens, or the pace of the whole. */
function stepTarget({ sample, state }: Evaluated): Found[] {
  const { measured } = sample.row
  const { load, replicas } = sample.scenario
  const list = (features: SteadyState['stepFeatures']) => stepKeys.map((key) => features[key])
  if (measured.tpot !== null && load.kind !== 'saturated')
    return [{ sample, features: list(state.stepFeatures), measured: measured.tpot }]
  if (measured.throughput === null || load.kind === 'open') return []
  if (load.kind === 'saturated' && load.prompts !== null) return []
  const pace = (state.admitted * replicas * 1e3) / measured.throughput
  return [{ sample, features: list(state.paceFeatures), measured: pace, trust: paceTrust }]
}

function firstTokenTarget({ sample, state }: Evaluated): Found[] {
  const { ttft } = sample.row.measured
  if (ttft === null || sample.scenario.load.kind === 'saturated') return []
  const features = firstTokenKeys.map((key) => state.firstTokenFeatures[key])
  return [{ sample, features, measured: ttft }]
}

/** A pair with a thousand rows says more than one with ten, but not a hundred times as much. */
function weighed(
  found: readonly Found[],
  engineOf: (sample: Sample) => EngineModel,
  part: TimedPart,
): Target[] {
  const seen = new Set<string>()
  const distinct = found.filter(({ sample, features, measured }) => {
    const key = [sample.scenario.engine.name, sample.pair, measured, ...features].join()
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
  const groupOf = ({ sample }: Found) =>
    [sample.scenario.engine.name, sample.pair, sample.row.file].join()
  const sizes = new Map(
    [...groupBy(distinct, groupOf)].map(([key, members]) => [key, members.length]),
  )
  return distinct.map((one) => {
    const engine = engineOf(one.sample)
    const { scenario } = one.sample
    const group = groupName(engine.name, eraOf(engine, scenario.version), part)
    return {
      ...one,
      group,
      keys: correctionKeys({ ...scenario, engine }, part).map((key) =>
        key.startsWith(everyEngine) ? key : `${engine.name} ${key}`,
      ),
      weight: trustIn(one, group, part) / Math.sqrt(sizes.get(groupOf(one)) ?? 1),
    }
  })
}

const trustIn = ({ trust = 1 }: Found, group: string, part: TimedPart): number =>
  part === 'step' && farEras.has(group) ? farTrust : trust
