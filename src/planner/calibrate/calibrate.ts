import type { Calibration } from '../../core/engine-model.ts'
import { AppError } from '../../core/errors.ts'
import { calibratedBars } from '../load/calibrated-bars.ts'
import { coefficientsOf } from '../load/coefficients.ts'
import { steadyState } from '../load/steady-state.ts'
import { measuredName } from '../model-facts.ts'
import { familiarity } from '../load/published-bars.ts'
import { judge } from './judge.ts'
import { inverse, type Matrix } from './matrix.ts'
import { conditionOf, type Figure, figures, type Observation } from './observation.ts'
import { type Coefficients, moved, parameterNames, priorCovariance } from './parameters.ts'
import {
  type Foresee,
  type Measured,
  type NoisePrior,
  posterior,
  type Posterior,
} from './posterior.ts'

/** How far predictions lie from what was measured, as shares of the measured. */
export interface Misses {
  readonly rows: number
  readonly medianApe: number
  readonly meanApe: number
  /** Mean of the logarithm, as a factor: half and twice are as far off. */
  readonly meanFactor: number
}
export type MissesByFigure = Readonly<Record<Figure, Misses | null>>

export interface Calibrated {
  readonly calibration: Calibration
  readonly runs: number
  readonly conditions: number
  /** With the published fit. */
  readonly before: MissesByFigure
  /** With the calibration, on the runs that it was fitted to. */
  readonly fitted: MissesByFigure
  /** Each condition foreseen by a calibration that has not seen it. */
  readonly heldOut: MissesByFigure
  /** Share of the figures held out that lie inside their 80 % interval. */
  readonly heldOutInside: number
  /** The coefficients that moved most, as factors. */
  readonly moved: Readonly<Record<string, number>>
  readonly notes: readonly string[]
}

/**
 * Fits the coefficients of one engine, model and device to measured runs, starting from the published fit, which holds
 * them where the runs say little. Errors: `planner/bad-calibration` for runs that can't be made sense of or
 * contradict each other, `planner/calibration-refused` where the result foresees runs it has not seen worse than
 * the published fit does.
 */
export function calibrate(given: readonly Observation[]): Calibrated {
  refuseMixture(given)
  const { observations, notes } = judge(given)
  const subject = observations[0]!.scenario
  const shipped = folded(subject)
  const { engine } = subject
  const speed = engine.fitted.errorBars.decoding.tpot[familiarity(subject)] / normal80
  const prior = inverse(priorCovariance(speed))
  const all = targetsOf(observations)
  const whole = fit(all, shipped, prior)
  const held = holdOut(observations, shipped, prior, whole)
  const found = calibrationFrom(subject, shipped, whole, all.length)
  const calibration = { ...found, deviations: found.deviations * held.widening }
  const result: Calibrated = {
    calibration,
    runs: observations.length,
    conditions: held.conditions,
    before: missesOf(observations, () => shipped),
    fitted: missesOf(observations, () => moved(shipped, whole.mean)),
    heldOut: missesOf(observations, (at) => held.coefficients[at]!),
    heldOutInside: held.inside,
    moved: movedMost(whole.mean),
    notes,
  }
  refuseWorse(result)
  return result
}

/** Half-width of an 80 % interval in standard deviations. */
const normal80 = 1.2816

/** What runs scatter by when nothing is known of it; worth four runs. */
const noisePriors: readonly NoisePrior[] = [
  { deviation: 0.06, runs: 4 },
  { deviation: 0.15, runs: 4 },
]

type Subject = Observation['scenario']

function refuseMixture(observations: readonly Observation[]): void {
  const nameOf = ({ engine, layout, version }: Subject) =>
    `${engine.name} ${version}, ${measuredName(layout.model)} in ${weightsOf(layout)} on ${layout.device.name}`
  const names = [...new Set(observations.map(({ scenario }) => nameOf(scenario)))]
  if (names.length > 1)
    throw new AppError('planner/bad-calibration', {
      message: `the runs are of ${names.length} different things: ${names.slice(0, 4).join('; ')}`,
      hint: 'Calibrate one engine version, model, precision and device at a time.',
    })
}

const weightsOf = ({ model, precision }: Subject['layout']): string =>
  model.moe ? precision.experts : precision.dense

/** The published coefficients with their corrections in them. */
function folded({ engine, layout, version }: Subject): Coefficients {
  const { calibrations: _own, ...fitted } = engine.fitted
  const known = coefficientsOf({ engine: { ...engine, fitted }, layout, version })
  const times = <Part extends object>(part: Part, factor: number): Part =>
    Object.fromEntries(Object.entries(part).map(([name, value]) => [name, value * factor])) as Part
  return {
    step: times(known.step, known.stepFactor),
    firstToken: times(known.firstToken, known.firstTokenFactor),
  }
}

/** A figure of a run that the fit looks at. */
interface Target {
  readonly observation: Observation
  readonly figure: Figure
}

/** TPOT and TTFT say it all; the others stand in where TPOT was not measured. */
function targetsOf(observations: readonly Observation[]): Target[] {
  return observations.flatMap((observation) => {
    const { measured, scenario } = observation
    const usable = figures.filter((figure) => measured[figure] !== null)
    const isOpen = scenario.load.kind === 'open'
    const chosen = usable.filter(
      (figure) =>
        (figure === 'ttft' && scenario.load.kind !== 'saturated') ||
        figure === 'tpot' ||
        (measured.tpot === null && (figure === 'e2e' || (figure === 'throughput' && !isOpen))),
    )
    return chosen.map((figure) => ({ observation, figure }))
  })
}

function fit(
  targets: readonly Target[],
  shipped: Coefficients,
  prior: Matrix,
  known?: { readonly start: Float64Array; readonly slopes: Matrix },
) {
  const measured: Measured[] = targets.map(({ observation, figure }) => ({
    log: Math.log(observation.measured[figure]!),
    kind: figure === 'ttft' ? 1 : 0,
  }))
  const foresee: Foresee = (logs) => {
    const coefficients = moved(shipped, logs)
    const seen = new Map<Observation, Readonly<Record<Figure, number>>>()
    return targets.map(({ observation, figure }) => {
      const state = seen.get(observation) ?? foreseen(observation, coefficients)
      seen.set(observation, state)
      return Math.log(state[figure])
    })
  }
  return posterior(measured, foresee, prior, noisePriors, known?.start, known?.slopes ?? null)
}

function foreseen(
  { scenario }: Observation,
  coefficients: Coefficients,
): Readonly<Record<Figure, number>> {
  const { tpotMs, ttftMs, e2eMs, outputTokensPerSecond } = steadyState(
    under(scenario, coefficients),
  )
  return { tpot: tpotMs, ttft: ttftMs, e2e: e2eMs, throughput: outputTokensPerSecond }
}

function under(scenario: Subject, { step, firstToken }: Coefficients): Subject {
  const { engine } = scenario
  const calibration: Calibration = {
    ...nameOf(scenario),
    step,
    firstToken,
    keys: [],
    covariance: [],
    noise: { tpot: 0, ttft: 0 },
    deviations: normal80,
  }
  return {
    ...scenario,
    engine: { ...engine, fitted: { ...engine.fitted, calibrations: [calibration] } },
  }
}

const nameOf = ({ engine, layout, version }: Subject) => ({
  engine: engine.name,
  model: measuredName(layout.model),
  device: layout.device.name,
  weights: weightsOf(layout),
  version,
})

function calibrationFrom(
  subject: Subject,
  shipped: Coefficients,
  { mean, covariance, noise }: Posterior,
  figuresSeen: number,
): Calibration {
  const round = (value: number) => Number(value.toPrecision(6))
  return {
    ...nameOf(subject),
    ...moved(shipped, mean.map(round)),
    keys: parameterNames,
    covariance: covariance.map((row) => Array.from(row, round)),
    noise: { tpot: round(noise[0]!), ttft: round(noise[1]!) },
    deviations: round(student80(noisePriors[0]!.runs + figuresSeen)),
  }
}

/** Student's t at 90 % (Cornish and Fisher), within half a percent from four degrees of freedom on. */
function student80(freedom: number): number {
  const z = normal80
  return (
    z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom * freedom)
  )
}

/**
 * Runs that were held out may scatter more than those that were fitted let expect: intervals grow by as much. One run
 * counts for three deviations at the most, and four runs as expected are taken for granted.
 */
const widening = { runs: 4, most: 3 }

function holdOut(
  observations: readonly Observation[],
  shipped: Coefficients,
  prior: Matrix,
  whole: ReturnType<typeof fit>,
) {
  const targets = targetsOf(observations)
  const conditions = new Set(observations.map(conditionOf))
  const coefficients: Coefficients[] = []
  let inside = 0
  let judged = 0
  let squares = widening.runs
  for (const condition of conditions) {
    const kept = targets.filter(({ observation }) => conditionOf(observation) !== condition)
    const slopes = whole.slopes.filter(
      (_, row) => conditionOf(targets[row]!.observation) !== condition,
    )
    const found = fit(kept, shipped, prior, { start: new Float64Array(whole.mean.length), slopes })
    const without = calibrationFrom(observations[0]!.scenario, shipped, found, kept.length)
    observations.forEach((observation, at) => {
      if (conditionOf(observation) !== condition) return
      coefficients[at] = without
      const state = steadyState(under(observation.scenario, without))
      const bars = calibratedBars(without, {
        step: state.stepFeatures,
        firstToken: state.firstTokenFeatures,
        osl: observation.scenario.osl,
      })
      const predicted = foreseen(observation, without)
      for (const { figure } of targetsOf([observation])) {
        judged++
        const off = Math.abs(Math.log(predicted[figure] / observation.measured[figure]!))
        if (off <= bars[figure]) inside++
        squares += Math.min(widening.most, off / (bars[figure] / without.deviations)) ** 2
      }
    })
  }
  return {
    conditions: conditions.size,
    coefficients,
    inside: inside / judged,
    widening: Math.max(1, Math.sqrt(squares / (widening.runs + judged))),
  }
}

function missesOf(
  observations: readonly Observation[],
  coefficientsAt: (at: number) => Coefficients,
): MissesByFigure {
  const predicted = observations.map((one, at) => foreseen(one, coefficientsAt(at)))
  const of = (figure: Figure): Misses | null => {
    const ratios = observations.flatMap(({ measured, scenario }, at) => {
      const value = measured[figure]
      const isSaturated = scenario.load.kind === 'saturated'
      if (value === null || (isSaturated && figure !== 'throughput')) return []
      return [predicted[at]![figure] / value]
    })
    const apes = ratios.map((ratio) => Math.abs(ratio - 1))
    const logs = ratios.map((ratio) => Math.abs(Math.log(ratio)))
    if (apes.length === 0) return null
    apes.sort((a, b) => a - b)
    const mean = (values: readonly number[]) =>
      values.reduce((sum, value) => sum + value, 0) / values.length
    return {
      rows: apes.length,
      medianApe: (apes[(apes.length - 1) >> 1]! + apes[apes.length >> 1]!) / 2,
      meanApe: mean(apes),
      meanFactor: Math.exp(mean(logs)),
    }
  }
  return { tpot: of('tpot'), ttft: of('ttft'), e2e: of('e2e'), throughput: of('throughput') }
}

function movedMost(logs: Float64Array): Readonly<Record<string, number>> {
  const order = [...parameterNames.keys()].sort((a, b) => Math.abs(logs[b]!) - Math.abs(logs[a]!))
  return Object.fromEntries(
    order
      .filter((at) => Math.abs(logs[at]!) > 0.05)
      .slice(0, 6)
      .map((at) => [parameterNames[at]!, Number(Math.exp(logs[at]!).toPrecision(3))]),
  )
}

/** Runs of a quiet machine scatter by less around what any coefficients make of them. */
const restless = 0.25

/**
 * What it did not see has to be foreseen better, or the runs say nothing that carries over. Half and twice count alike: what is
 * shipped is below the truth on a slow machine, and could be off by 100 % at most.
 */
function refuseWorse({ before, heldOut, conditions, calibration }: Calibrated): void {
  const total = (misses: MissesByFigure) => {
    const seen = [misses.tpot, misses.ttft, misses.tpot ? null : (misses.e2e ?? misses.throughput)]
    return seen.reduce((sum, one) => sum + Math.log(one?.meanFactor ?? 1), 0)
  }
  if (total(heldOut) <= total(before)) return
  const told = (misses: MissesByFigure) =>
    figures
      .flatMap((figure) => {
        const one = misses[figure]
        return one ? [`${figure} ${factorText(one.meanFactor)}`] : []
      })
      .join(', ')
  const { tpot, ttft } = calibration.noise
  const scatter = Math.exp(Math.max(tpot, ttft)) - 1
  throw new AppError('planner/calibration-refused', {
    message: `runs that it was not shown are foreseen worse with it (off by, in the mean: ${told(heldOut)}) than without (${told(before)})`,
    hint: `${
      Math.max(tpot, ttft) > restless
        ? `The runs scatter by ±${Math.round(scatter * 100)} % around any one behaviour: measure with the machine to itself, and for longer.`
        : `${conditions} conditions are too few to tell what carries over: add some, such as two users and eight, or other lengths.`
    } What is shipped stays in use.`,
  })
}

/** "6.1 %", "× 2.4": beyond half as much again a factor says more. */
export const factorText = (factor: number): string =>
  factor < 1.5 ? `${((factor - 1) * 100).toFixed(1)} %` : `× ${factor.toPrecision(2)}`
