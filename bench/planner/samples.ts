import { engineModels } from '../../src/engines/models.ts'
import { measuredName } from '../../src/planner/model-facts.ts'
import { readScenario } from '../../src/planner/predict/read-scenario.ts'
import type { Sample } from './fit-engine.ts'
import type { BenchRow } from './rows.ts'

/** Rows that the planner can place, with the pair that cross-validation leaves out; the rest with the reason. */
export function sampleRows(rows: readonly BenchRow[]): {
  samples: Sample[]
  unsupported: Map<BenchRow, string>
} {
  const samples: Sample[] = []
  const unsupported = new Map<BenchRow, string>()
  for (const row of rows) {
    if (row.isDisaggregated) {
      unsupported.set(row, 'prefill and decoding run on engines of their own')
      continue
    }
    const scenario = readScenario(row.input, engineModels)
    if ('reason' in scenario) unsupported.set(row, scenario.reason)
    else
      samples.push({
        row,
        scenario,
        pair: `${measuredName(scenario.layout.model)} on ${scenario.layout.device.name}`,
      })
  }
  return { samples, unsupported }
}
