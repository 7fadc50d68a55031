import type { EngineModel, FittedEngine } from '../../src/core/engine-model.ts'
import { fitEngine, type Sample, stateWith } from './fit-engine.ts'
import type { Measured } from './rows.ts'
import { groupBy } from './statistics.ts'

/** What the planner said of a row that it had not been fitted to. */
export interface HeldOut {
  readonly sample: Sample
  readonly predicted: { readonly [Figure in keyof Measured]: number }
  /** How much of the combination was left to learn from. */
  readonly familiarity: 'partly' | 'unknown'
}

/**
 * Leaves out one group of runs after another, refits the engine to the rest, and predicts the group. By default a group
 * is a (model, accelerator) pair under its facts: DeepSeek-R1 and V3 are one model here.
 */
export function crossValidate(
  engine: EngineModel,
  samples: readonly Sample[],
  full: FittedEngine,
  groupOf: (sample: Sample) => string = (sample) => sample.pair,
): HeldOut[] {
  const start: FittedEngine = { ...full, stepCorrections: {}, firstTokenCorrections: {} }
  const held: HeldOut[] = []
  for (const [group, members] of groupBy(samples, groupOf)) {
    const rest = samples.filter(
      (sample) => groupOf(sample) !== group && sample.row.unfitReason === null,
    )
    const fitted = rest.length > 0 ? fitEngine(engine, rest, start, 1) : start
    const models = new Set(rest.map((sample) => sample.scenario.layout.model.name))
    const devices = new Set(rest.map((sample) => sample.scenario.layout.device.name))
    for (const sample of members) {
      const state = stateWith(engine, fitted, sample.scenario)
      const { model, device } = sample.scenario.layout
      held.push({
        sample,
        predicted: {
          ttft: state.ttftMs,
          tpot: state.tpotMs,
          e2e: state.e2eMs,
          throughput: state.outputTokensPerSecond,
        },
        familiarity: models.has(model.name) || devices.has(device.name) ? 'partly' : 'unknown',
      })
    }
  }
  return held
}
