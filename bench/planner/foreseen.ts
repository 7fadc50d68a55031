import type { Scenario } from '../../src/planner/load/scenario.ts'
import type { SteadyState } from '../../src/planner/load/steady-state.ts'
import { foresee } from '../../src/planner/predict/predict-row.ts'
import { playBurst } from '../../src/simulator/rehearsal/play-burst.ts'
import { type Fits, fitOf, type Sample } from './fit-engine.ts'
import type { Measured } from './rows.ts'

/** What a fit says of a run. */
export interface Foreseen {
  readonly sample: Sample
  /** With the fit. */
  readonly scenario: Scenario
  readonly state: SteadyState
  readonly predicted: { readonly [Figure in keyof Measured]: number }
}

/** As `baleen predict` would, if these were the shipped coefficients. */
export function foreseeWith(fits: Fits, sample: Sample): Foreseen {
  const { engine } = sample.scenario
  const scenario = { ...sample.scenario, engine: { ...engine, fitted: fitOf(fits, engine.name) } }
  const state = foresee(scenario, playBurst)
  const { ttftMs, tpotMs, e2eMs, outputTokensPerSecond } = state
  const predicted = { ttft: ttftMs, tpot: tpotMs, e2e: e2eMs, throughput: outputTokensPerSecond }
  return { sample, scenario, state, predicted }
}
