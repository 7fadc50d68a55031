import type {
  FirstTokenCoefficients,
  FittedEngine,
  FittedEra,
  StepCoefficients,
} from '../../src/core/engine-model.ts'
import { everyEngine, type TimedPart } from '../../src/planner/load/correction.ts'
import { defaultFirstToken, defaultStep } from '../../src/planner/load/default-coefficients.ts'
import { eraOf, type Scenario } from '../../src/planner/load/scenario.ts'
import { type SteadyState, steadyState } from '../../src/planner/load/steady-state.ts'
import { alike, eraStarts, farEras } from './eras.ts'
import { type Belief, fitHierarchy } from './hierarchy.ts'
import { type Cell, fitEffects } from './regression.ts'
import type { BenchRow } from './rows.ts'
import { groupBy, median } from './statistics.ts'
import {
  firstTokenKeys,
  groupName,
  stepKeys,
  type Target,
  type Targets,
  targetsOf,
} from './targets.ts'

/** A measured run together with what the planner understands of it. */
export interface Sample {
  readonly row: BenchRow
  readonly scenario: Scenario
  /** The unit that cross-validation leaves out. */
  readonly pair: string
}

/** How firmly a coefficient is held; what a host adds differs more between engines than what kernels take. */
const stepPull: Readonly<Record<keyof StepCoefficients, number>> = {
  dense: 4,
  experts: 4,
  expertSpread: 1,
  attention: 4,
  collective: 4,
  oneShot: 0.5,
  layerUs: 0.5,
  expertLayerUs: 0.5,
  latentLayerUs: 0.5,
  linearLayerUs: 0.5,
  sparseLayerUs: 0.5,
  stepUs: 0.5,
  sequenceUs: 0.3,
  prefill: 4,
  prefillStepUs: 0.5,
  launch: 0.5,
}
const firstTokenPull: Readonly<Record<keyof FirstTokenCoefficients, number>> = {
  requestMs: 0.03,
  tokenMs: 0.3,
  layerMs: 0.3,
  expertLayerMs: 0.3,
  latentLayerMs: 0.3,
  linearLayerMs: 0.3,
  sparseLayerMs: 0.3,
  prefill: 20,
  prefillAttention: 20,
  step: 0.5,
  openStep: 0.5,
  turn: 10,
  queue: 0.5,
  wait: 5,
  sequenceMs: 0.5,
}

/** What all engines share is free to move; an engine needs many runs to leave it, at first tokens fewer. */
const sharedShare = 0.3
const stepGroupShare = 16
const firstTokenGroupShare = 0.5

/**
 * What a host adds to a step and to a layer look alike in runs of models with 30 to 90 layers, and a draft has one. So the step is
 * held at the 1 ms that engines are known to take, and each engine is free in how it divides the two.
 */
const hostParts: Partial<Record<keyof StepCoefficients, { shared: number; group: number }>> = {
  stepUs: { shared: 12, group: 0.5 },
  layerUs: { shared: sharedShare, group: 0.5 },
}

/**
 * How firmly an effect is held at nothing: one seen on a single pair can't be told from chance, and queueing makes first
 * tokens erratic from run to run.
 */
const stepEffectPull = (key: string): number =>
  key.startsWith(everyEngine)
    ? 4
    : key.includes(': version')
      ? 1.5
      : key.includes(': kernel')
        ? 1
        : 0.5
const firstTokenEffectPull = (key: string): number => (key.includes(': kernel') ? 6 : 9)

const unknownBar = { known: 0.3, partly: 0.4, unknown: 0.5 }
const unknownBars = { tpot: unknownBar, ttft: unknownBar, e2e: unknownBar, throughput: unknownBar }

/** What is known of every engine, by its name. */
export type Fits = ReadonlyMap<string, FittedEngine>

export const blankFit = (engine: string): FittedEngine => ({
  provenance: '',
  eras: (eraStarts[engine] ?? ['0']).map((from) => ({
    from,
    ...alike[`${engine} ${from}`],
    step: defaultStep,
    firstToken: defaultFirstToken,
  })),
  stepCorrections: {},
  firstTokenCorrections: {},
  measured: [],
  burst: 0,
  errorBars: {
    decoding: unknownBars,
    reading: unknownBars,
    maxLoad: unknownBars,
    burst: unknownBars,
  },
})

export const fitOf = (fits: Fits, engine: string): FittedEngine =>
  fits.get(engine) ?? blankFit(engine)

export const stateWith = (fits: Fits, { scenario }: Sample): SteadyState =>
  stateUnder(fitOf(fits, scenario.engine.name), scenario)

const stateUnder = (fitted: FittedEngine, scenario: Scenario): SteadyState =>
  steadyState({ ...scenario, engine: { ...scenario.engine, fitted } })

/** What a fit learns from, at the operating points that `fits` finds. */
export const prepare = (samples: readonly Sample[], fits: Fits): Targets =>
  targetsOf(
    samples.map((sample) => ({ sample, state: stateWith(fits, sample) })),
    ({ scenario: { engine } }) => ({ ...engine, fitted: fitOf(fits, engine.name) }),
  )

/** Fits all engines together; operating points and coefficients find each other in a few rounds. */
export function fitEngines(samples: readonly Sample[], rounds = 3): Fits {
  const names = [...new Set(samples.map(({ scenario }) => scenario.engine.name))]
  let fits: Fits = new Map(names.map((name) => [name, blankFit(name)]))
  for (let round = 0; round < rounds; round++) fits = fitTargets(prepare(samples, fits), fits)
  return new Map(
    [...fits].map(([name, fitted]) => {
      const own = samples.filter(({ scenario }) => scenario.engine.name === name)
      const learnt = own.filter(({ row }) => row.unfitReason === null)
      const measured = [...new Set(learnt.map(({ pair }) => pair))].toSorted()
      const seen = new Set(
        learnt.map(({ scenario }) => eraOf({ ...scenario.engine, fitted }, scenario.version).from),
      )
      const eras = fitted.eras.map((era) =>
        seen.has(era.from) ? era : { ...era, isGuess: true as const },
      )
      return [name, { ...fitted, eras, measured, burst: fitBurst(fitted, own) }]
    }),
  )
}

/** One round: coefficients and effects of every engine from what was measured; `start` only speeds it up. */
export function fitTargets(targets: Targets, start: Fits): Fits {
  const step = alternate(targets.step, start, {
    belief: {
      ...beliefOf(stepKeys, defaultStep, stepPull, stepGroupShare, hostParts),
      far: farEras,
    },
    coefficientsOf: (era) => stepKeys.map((key) => era.step[key]),
    part: 'step',
    tolerance: 0.1,
    effectPull: stepEffectPull,
  })
  const firstToken = alternate(targets.firstToken, start, {
    belief: beliefOf(firstTokenKeys, defaultFirstToken, firstTokenPull, firstTokenGroupShare),
    coefficientsOf: (era) => firstTokenKeys.map((key) => era.firstToken[key]),
    part: 'firstToken',
    tolerance: 0.2,
    effectPull: firstTokenEffectPull,
  })
  return new Map(
    [...start].map(([name, fitted]) => [
      name,
      {
        ...fitted,
        eras: fitted.eras.map((era) => {
          const of = step.coefficients.get(groupName(name, era, 'step'))
          const first = firstToken.coefficients.get(groupName(name, era, 'firstToken'))
          return {
            ...era,
            step: named(stepKeys, of) ?? era.step,
            firstToken: named(firstTokenKeys, first) ?? era.firstToken,
          }
        }),
        stepCorrections: effectsOf(name, step.effects),
        firstTokenCorrections: effectsOf(name, firstToken.effects),
      },
    ]),
  )
}

function beliefOf<Key extends string>(
  keys: readonly Key[],
  values: Readonly<Record<Key, number>>,
  pulls: Readonly<Record<Key, number>>,
  groupShare: number,
  apart: Partial<Record<Key, { shared: number; group: number }>> = {},
): Belief {
  return {
    value: keys.map((key) => values[key]),
    pull: keys.map((key) => pulls[key] * (apart[key]?.shared ?? sharedShare)),
    groupPull: keys.map((key) => pulls[key] * (apart[key]?.group ?? groupShare)),
  }
}

/** Pairs that a correction for bursts is held at nothing by. */
const burstPull = 2

/** The median over pairs of what bursts reached of the closed form, drawn toward nothing where there are few. */
export function fitBurst(fitted: FittedEngine, samples: readonly Sample[]): number {
  const bursts = samples.flatMap(({ scenario, row, pair }) => {
    const { load } = scenario
    const { throughput } = row.measured
    if (row.unfitReason !== null) return []
    if (load.kind !== 'saturated' || load.prompts === null || throughput === null) return []
    const state = stateUnder({ ...fitted, burst: 0 }, scenario)
    return [{ pair, log: Math.log(throughput / state.outputTokensPerSecond) }]
  })
  if (bursts.length === 0) return 0
  const pairs = [...groupBy(bursts, ({ pair }) => pair).values()].map((members) =>
    median(members.map(({ log }) => log)),
  )
  return Number(((median(pairs) * pairs.length) / (pairs.length + burstPull)).toFixed(3))
}

interface Alternation {
  readonly belief: Belief
  readonly coefficientsOf: (era: FittedEra) => number[]
  readonly part: TimedPart
  readonly tolerance: number
  readonly effectPull: (key: string) => number
}

/** Coefficients given the effects, then effects given the coefficients. */
function alternate(targets: readonly Target[], start: Fits, plan: Alternation) {
  let effects = new Map<string, number>()
  let coefficients = new Map(
    [...start].flatMap(([name, { eras }]) =>
      eras.map((era) => [groupName(name, era, plan.part), plan.coefficientsOf(era)]),
    ),
  )
  const groups = [...coefficients.keys()]
  const cells = [
    ...groupBy(targets, ({ keys, sample }) => keys.join('|') + sample.row.file).values(),
  ].filter((members) => members.length >= 3)
  const offset = ({ keys }: Target) => keys.reduce((sum, key) => sum + (effects.get(key) ?? 0), 0)
  for (let round = 0; round < 2; round++) {
    const observations = targets.map((target) => ({
      ...target,
      measured: target.measured / Math.exp(offset(target)),
    }))
    coefficients = fitHierarchy(observations, groups, plan.belief, plan.tolerance, coefficients)
    // Engines share effects on steps only: else small systems, one after another.
    const systems = groupBy(cells, ([first]) =>
      plan.part === 'step' ? '' : (first?.sample.scenario.engine.name ?? ''),
    )
    effects = new Map(
      [...systems.values()].flatMap((own) => [
        ...fitEffects(
          own.map((members) => cellOf(members, coefficients)),
          plan.effectPull,
        ),
      ]),
    )
  }
  return { coefficients, effects }
}

function cellOf(
  members: readonly Target[],
  coefficients: ReadonlyMap<string, readonly number[]>,
): Cell {
  const residuals = members.map(({ features, group, measured }) => {
    const own = coefficients.get(group) ?? []
    const sum = features.reduce((total, feature, at) => total + feature * (own[at] ?? 0), 0)
    return Math.log(measured / sum)
  })
  return {
    residual: Math.max(-0.5, Math.min(0.5, median(residuals))),
    weight: Math.min(1, Math.sqrt(members.length / 20)),
    keys: members[0]?.keys ?? [],
  }
}

/** The effects of one engine, without its name, and those of every engine; those too small to matter are left out. */
function effectsOf(engine: string, effects: ReadonlyMap<string, number>): Record<string, number> {
  const prefix = `${engine} `
  return Object.fromEntries(
    [...effects].flatMap(([key, value]) => {
      const isOwn = key.startsWith(prefix)
      if (Math.abs(value) < 0.005 || !(isOwn || key.startsWith(everyEngine))) return []
      return [[isOwn ? key.slice(prefix.length) : key, Number(value.toFixed(3))]]
    }),
  )
}

function named<Key extends string>(keys: readonly Key[], values: readonly number[] | undefined) {
  if (!values) return null
  const digits = (value: number) => Number(value.toPrecision(4))
  return Object.fromEntries(keys.map((key, at) => [key, digits(values[at] ?? 0)])) as {
    [K in Key]: number
  }
}
