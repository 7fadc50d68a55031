import type {
  Calibration,
  FirstTokenCoefficients,
  StepCoefficients,
} from '../../core/engine-model.ts'
import { defaultFirstToken, defaultStep } from '../load/default-coefficients.ts'

/** Every coefficient that a calibration may move, as `step.dense` or `firstToken.queue`. */
export const parameterNames: readonly string[] = [
  ...Object.keys(defaultStep).map((name) => `step.${name}`),
  ...Object.keys(defaultFirstToken).map((name) => `firstToken.${name}`),
]

export type Coefficients = Pick<Calibration, 'step' | 'firstToken'>

/** Coefficients moved by these logarithms, in the order of `parameterNames`. */
export function moved(shipped: Coefficients, logs: ArrayLike<number>): Coefficients {
  const move = (part: 'step' | 'firstToken') =>
    Object.fromEntries(
      Object.entries(shipped[part]).map(([name, value]) => [
        name,
        value * Math.exp(logs[parameterNames.indexOf(`${part}.${name}`)] ?? 0),
      ]),
    )
  return {
    step: move('step') as unknown as StepCoefficients,
    firstToken: move('firstToken') as unknown as FirstTokenCoefficients,
  }
}

/**
 * How far coefficients are expected to be off, and which go together: a device that is slower than thought is slower at
 * everything, one whose prompts take longer makes everybody behind them wait longer. `speed`: standard deviation of the
 * logarithm of a time as published runs of a like combination had it.
 */
export function priorCovariance(speed: number): Float64Array[] {
  return parameterNames.map((a) =>
    Float64Array.from(parameterNames, (b) => {
      let shared = (0.8 * speed) ** 2
      if (kindOf(a) === kindOf(b)) shared += sharedDeviation[kindOf(a)] ** 2
      return a === b ? shared + ownDeviation(a) ** 2 : shared
    }),
  )
}

type Kind = 'kernel' | 'host' | 'prompt' | 'waiting'

const kindOf = (name: string): Kind => {
  const [, short = ''] = name.split('.')
  if (/^(prefill|prefillAttention|turn|queue)$/.test(short)) return 'prompt'
  if (/Us$|^requestMs$|^layerMs$|^sequenceMs$/.test(short)) return 'host'
  return name.startsWith('step.') ? 'kernel' : 'waiting'
}

/** Prompts multiply matrices, decoding reads them: one may be off without the other. Hosts differ most. */
const sharedDeviation: Readonly<Record<Kind, number>> = {
  kernel: 0.15,
  prompt: 0.3,
  host: 0.4,
  waiting: 0.1,
}

const ownDeviation = (name: string): number =>
  ({
    kernel: 0.1,
    prompt: /turn|queue/.test(name) ? 0.4 : 0.1,
    host: 0.6,
    waiting: 0.2,
  })[kindOf(name)]
