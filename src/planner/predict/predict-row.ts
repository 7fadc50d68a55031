import type { EngineModel } from '../../core/engine-model.ts'
import { calibratedBars } from '../load/calibrated-bars.ts'
import { calibrationOf } from '../load/coefficients.ts'
import { intervalsOf } from '../load/intervals.ts'
import { publishedBars, situationOf } from '../load/published-bars.ts'
import type { Scenario } from '../load/scenario.ts'
import { type SteadyState, steadyState } from '../load/steady-state.ts'
import type { RowInput } from './row.ts'
import { builtIn, type Catalogues, readScenario } from './read-scenario.ts'

export interface Prediction {
  readonly index: number
  readonly ttftMsMean: number
  readonly tpotMsMean: number
  readonly e2eMsMean: number
  readonly outputTokensPerSecond: number
  readonly kvBlocks: number
  readonly errorBar: ErrorBars
  /** Present where the user's own calibration was used. */
  readonly isCalibrated?: true
}

/** 80 % of measured runs lie between low and high. */
export interface ErrorBars {
  readonly confidence: 0.8
  readonly ttftMs: readonly [number, number]
  readonly tpotMs: readonly [number, number]
  readonly e2eMs: readonly [number, number]
  readonly outputTokensPerSecond: readonly [number, number]
}

export interface UnsupportedRow {
  readonly index: number
  readonly unsupported: string
}

/** Plays a number of prompts at once; the simulator is handed in, since it stands on the planner. Null: it can't. */
export type PlayBurst = (
  scenario: Scenario,
  prompts: number,
) => Pick<SteadyState, 'ttftMs' | 'tpotMs' | 'outputTokensPerSecond'> | null

/** Predicts one row of a table, from its inputs alone. */
export function predictRow(
  index: number,
  row: RowInput,
  engines: readonly EngineModel[],
  playBurst: PlayBurst | null = null,
  catalogues: Catalogues = builtIn,
): Prediction | UnsupportedRow {
  const scenario = readScenario(row, engines, catalogues)
  if ('reason' in scenario) return { index, unsupported: scenario.reason }
  const state = foresee(scenario, playBurst)
  const calibration = calibrationOf(scenario)
  const bars = calibration
    ? calibratedBars(calibration, makeupOf(state, scenario))
    : publishedBars(scenario, situationOf(scenario.load, state.promptShare))
  const { tpot, ttft, e2e, throughput } = intervalsOf(scenario, state, bars)
  return {
    index,
    ttftMsMean: round(state.ttftMs),
    tpotMsMean: round(state.tpotMs),
    e2eMsMean: round(state.e2eMs),
    outputTokensPerSecond: round(state.outputTokensPerSecond),
    kvBlocks: state.budget.kvBlocks,
    errorBar: {
      confidence: 0.8,
      ttftMs: rounded(ttft),
      tpotMs: rounded(tpot),
      e2eMs: rounded(e2e),
      outputTokensPerSecond: rounded(throughput),
    },
    ...(calibration ? { isCalibrated: true as const } : {}),
  }
}

/** What an engine does under a load: in closed form, but for bursts, which are played. */
export function foresee(scenario: Scenario, playBurst: PlayBurst | null): SteadyState {
  const state = steadyState(scenario)
  const { load, osl } = scenario
  if (load.kind !== 'saturated' || load.prompts === null || !playBurst) return state
  const played = playBurst(scenario, load.prompts)
  if (!played) return state
  return { ...state, ...played, e2eMs: played.ttftMs + played.tpotMs * (osl - 1) }
}

const makeupOf = (state: SteadyState, { osl }: Scenario) => ({
  step: state.stepFeatures,
  firstToken: state.firstTokenFeatures,
  osl,
})

const rounded = ([low, high]: readonly [number, number]) => [round(low), round(high)] as const

const round = (value: number): number => Number(value.toPrecision(5))
