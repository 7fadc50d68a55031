import type {
  EngineModel,
  FirstTokenCoefficients,
  FittedEngine,
  FittedEra,
  StepCoefficients,
} from '../../src/core/engine-model.ts'
import { correctionKeys } from '../../src/planner/load/correction.ts'
import { defaultFirstToken, defaultStep } from '../../src/planner/load/default-coefficients.ts'
import { eraOf, type Scenario } from '../../src/planner/load/scenario.ts'
import { type SteadyState, steadyState } from '../../src/planner/load/steady-state.ts'
import { type Cell, fitEffects, fitPositive, type Observation, type Prior } from './regression.ts'
import type { BenchRow } from './rows.ts'
import { groupBy, median } from './statistics.ts'

/** A measured run together with what the planner understands of it. */
export interface Sample {
  readonly row: BenchRow
  readonly scenario: Scenario
  /** The unit that cross-validation leaves out. */
  readonly pair: string
}

/** Where an engine's eras begin: versions between which its step loop changed. */
export const eraStarts: Readonly<Record<string, readonly string[]>> = {
  vllm: ['0', '0.10'],
  sglang: ['0'],
  trtllm: ['0', '0.13', '0.20'],
  llama: ['0'],
}

const stepKeys = Object.keys(defaultStep) as (keyof StepCoefficients)[]
const firstTokenKeys = Object.keys(defaultFirstToken) as (keyof FirstTokenCoefficients)[]

/** How firmly a coefficient is held at its default; host costs vary more between engines than kernels do. */
const stepPull: Readonly<Record<keyof StepCoefficients, number>> = {
  dense: 4,
  experts: 4,
  expertSpread: 1,
  attention: 4,
  collective: 4,
  layerUs: 0.5,
  expertLayerUs: 0.5,
  latentLayerUs: 0.5,
  linearLayerUs: 0.5,
  sparseLayerUs: 0.5,
  stepUs: 0.5,
  sequenceUs: 0.3,
  prefill: 4,
  prefillStepUs: 0.5,
}
const firstTokenPull: Readonly<Record<keyof FirstTokenCoefficients, number>> = {
  requestMs: 0.3,
  layerMs: 0.3,
  prefill: 2,
  prefillAttention: 2,
  step: 1,
  openStep: 0.5,
  cohort: 0.3,
  cohortAttention: 0.3,
  cohortShort: 0.3,
  queue: 0.5,
  wait: 5,
  sequenceMs: 0.5,
}

/** How firmly an effect is held at nothing: one seen on a single pair can't be told from chance. */
const effectPull = (key: string): number =>
  key.includes(': version') ? 6 : key.includes(': kernel') ? 2 : 1

const unknownBar = { known: 0.3, partly: 0.4, unknown: 0.5 }

export const blankFit = (engine: string): FittedEngine => ({
  provenance: '',
  eras: (eraStarts[engine] ?? ['0']).map((from) => ({
    from,
    step: defaultStep,
    firstToken: defaultFirstToken,
  })),
  stepCorrections: {},
  firstTokenCorrections: {},
  burst: 0,
  errorBars: { tpot: unknownBar, ttft: unknownBar, e2e: unknownBar, throughput: unknownBar },
})

/** Fits one engine to its samples; the starting point carries over what a larger fit has found. */
export function fitEngine(
  engine: EngineModel,
  samples: readonly Sample[],
  start: FittedEngine = blankFit(engine.name),
  rounds = 3,
): FittedEngine {
  let fitted = start
  for (let round = 0; round < rounds; round++) {
    const states = samples.map((sample) => ({
      sample,
      state: stateWith(engine, fitted, sample.scenario),
    }))
    fitted = fitStep(engine, fitted, states)
    fitted = fitFirstToken(engine, fitted, states)
  }
  return { ...fitted, burst: fitBurst(engine, fitted, samples) }
}

/** Pairs that a correction for bursts is held at nothing by. */
const burstPull = 2

/** The median over pairs of what bursts reached of the closed form, drawn toward nothing where there are few. */
export function fitBurst(
  engine: EngineModel,
  fitted: FittedEngine,
  samples: readonly Sample[],
): number {
  const bursts = samples.flatMap(({ scenario, row, pair }) => {
    const { load } = scenario
    const { throughput } = row.measured
    if (load.kind !== 'saturated' || load.prompts === null || throughput === null) return []
    const state = stateWith(engine, { ...fitted, burst: 0 }, scenario)
    return [{ pair, log: Math.log(throughput / state.outputTokensPerSecond) }]
  })
  if (bursts.length === 0) return 0
  const pairs = [...groupBy(bursts, ({ pair }) => pair).values()].map((members) =>
    median(members.map(({ log }) => log)),
  )
  return Number(((median(pairs) * pairs.length) / (pairs.length + burstPull)).toFixed(3))
}

export const stateWith = (
  engine: EngineModel,
  fitted: FittedEngine,
  scenario: Scenario,
): SteadyState => steadyState({ ...scenario, engine: { ...engine, fitted } })

interface Evaluated {
  readonly sample: Sample
  readonly state: SteadyState
}

interface Target {
  readonly evaluated: Evaluated
  readonly features: readonly number[]
  readonly measured: number
  readonly keys: readonly string[]
  readonly era: string
  readonly weight: number
}

function fitStep(
  engine: EngineModel,
  fitted: FittedEngine,
  states: readonly Evaluated[],
): FittedEngine {
  const targets = weighed(
    engine,
    fitted,
    states.flatMap((evaluated) => {
      const target = stepTarget(evaluated)
      return target ? [{ evaluated, ...target }] : []
    }),
    (features) => stepKeys.map((key) => features[key]),
  )
  const result = alternate(targets, fitted, {
    prior: {
      value: stepKeys.map((key) => defaultStep[key]),
      pull: stepKeys.map((key) => stepPull[key]),
    },
    coefficientsOf: (era) => stepKeys.map((key) => era.step[key]),
    effects: fitted.stepCorrections,
    tolerance: 0.1,
    caution: 1,
  })
  return {
    ...fitted,
    eras: fitted.eras.map((era) => ({
      ...era,
      step: named(stepKeys, result.eras.get(era.from)) ?? era.step,
    })),
    stepCorrections: result.effects,
  }
}

/** Which time of a row tells about the step: the gap between tokens, or the pace of the whole. */
function stepTarget({ sample, state }: Evaluated) {
  const { measured } = sample.row
  const { load, replicas } = sample.scenario
  if (measured.tpot !== null && load.kind !== 'saturated')
    return { parts: state.stepFeatures, measured: measured.tpot }
  if (measured.throughput === null || load.kind === 'open') return null
  if (load.kind === 'saturated' && load.prompts !== null) return null
  return {
    parts: state.paceFeatures,
    measured: (state.admitted * replicas * 1e3) / measured.throughput,
  }
}

function fitFirstToken(
  engine: EngineModel,
  fitted: FittedEngine,
  states: readonly Evaluated[],
): FittedEngine {
  const targets = weighed(
    engine,
    fitted,
    states.flatMap((evaluated) => {
      const { ttft } = evaluated.sample.row.measured
      if (ttft === null || evaluated.sample.scenario.load.kind === 'saturated') return []
      return [{ evaluated, parts: evaluated.state.firstTokenFeatures, measured: ttft }]
    }),
    (features) => firstTokenKeys.map((key) => features[key]),
  )
  const result = alternate(targets, fitted, {
    prior: {
      value: firstTokenKeys.map((key) => defaultFirstToken[key]),
      pull: firstTokenKeys.map((key) => firstTokenPull[key]),
    },
    coefficientsOf: (era) => firstTokenKeys.map((key) => era.firstToken[key]),
    effects: fitted.firstTokenCorrections,
    tolerance: 0.2,
    caution: 3,
  })
  return {
    ...fitted,
    eras: fitted.eras.map((era) => ({
      ...era,
      firstToken: named(firstTokenKeys, result.eras.get(era.from)) ?? era.firstToken,
    })),
    firstTokenCorrections: result.effects,
  }
}

function weighed<Features>(
  engine: EngineModel,
  fitted: FittedEngine,
  found: readonly { evaluated: Evaluated; parts: Features; measured: number }[],
  list: (features: Features) => number[],
): Target[] {
  const groupOf = ({ evaluated: { sample } }: { evaluated: Evaluated }) =>
    `${sample.pair}|${sample.row.file}`
  const sizes = new Map([...groupBy(found, groupOf)].map(([key, members]) => [key, members.length]))
  return found.map((one) => {
    const { scenario } = one.evaluated.sample
    return {
      evaluated: one.evaluated,
      features: list(one.parts),
      measured: one.measured,
      keys: correctionKeys({ ...scenario, engine: { ...engine, fitted } }),
      era: eraOf({ ...engine, fitted }, scenario.version).from,
      weight: 1 / Math.sqrt(sizes.get(groupOf(one)) ?? 1),
    }
  })
}

interface Alternation {
  readonly prior: Prior
  readonly coefficientsOf: (era: FittedEra) => number[]
  readonly effects: Readonly<Record<string, number>>
  readonly tolerance: number
  /** Multiplies the pull on effects: queueing makes first tokens erratic from run to run. */
  readonly caution: number
}

/** Coefficients given the effects, then effects given the coefficients. Each era stands for itself. */
function alternate(targets: readonly Target[], fitted: FittedEngine, plan: Alternation) {
  let effects = new Map(Object.entries(plan.effects))
  const eras = new Map(fitted.eras.map((era) => [era.from, plan.coefficientsOf(era)]))
  const offset = (target: Target) =>
    target.keys.reduce((sum, key) => sum + (effects.get(key) ?? 0), 0)
  for (let round = 0; round < 2; round++) {
    const observe = (target: Target): Observation => ({
      features: target.features,
      measured: target.measured / Math.exp(offset(target)),
      weight: target.weight,
    })
    for (const era of fitted.eras) {
      const own = targets.filter((target) => target.era === era.from)
      eras.set(
        era.from,
        fitPositive(own.map(observe), plan.prior, eras.get(era.from), plan.tolerance),
      )
    }
    const cells = [
      ...groupBy(
        targets,
        (target) => target.keys.join('|') + target.evaluated.sample.row.file,
      ).values(),
    ]
      .filter((members) => members.length >= 3)
      .map((members) => cellOf(members, eras))
    effects = fitEffects(cells, (key) => effectPull(key) * plan.caution)
  }
  const kept = [...effects].filter(([, value]) => Math.abs(value) >= 0.005)
  return {
    eras,
    effects: Object.fromEntries(kept.map(([key, value]) => [key, Number(value.toFixed(3))])),
  }
}

function cellOf(members: readonly Target[], eras: ReadonlyMap<string, readonly number[]>): Cell {
  const residuals = members.map((target) => {
    const coefficients = eras.get(target.era) ?? []
    const sum = target.features.reduce(
      (total, feature, at) => total + feature * (coefficients[at] ?? 0),
      0,
    )
    return Math.log(target.measured / sum)
  })
  const residual = Math.max(-0.5, Math.min(0.5, median(residuals)))
  return {
    residual,
    weight: Math.min(1, Math.sqrt(members.length / 20)),
    keys: members[0]?.keys ?? [],
  }
}

function named<Key extends string>(keys: readonly Key[], values: readonly number[] | undefined) {
  if (!values) return null
  const digits = (value: number) => Number(value.toPrecision(4))
  return Object.fromEntries(keys.map((key, at) => [key, digits(values[at] ?? 0)])) as {
    [K in Key]: number
  }
}
