import type { EngineModel } from '../../core/engine-model.ts'
import type { Scenario } from '../load/scenario.ts'
import { AppError } from '../../core/errors.ts'
import { builtIn, type Catalogues, readScenario } from '../predict/read-scenario.ts'
import { readRow, type RowInput } from '../predict/row.ts'
import type { Figure, Observation } from './observation.ts'

export type Measured = Observation['measured']

/**
 * A measured run from the cells of a table in the form that `predict` reads, with its results. Errors:
 * `planner/bad-calibration` where the planner does not know what was run.
 */
export const readTableRow = (
  cells: Readonly<Record<string, string | undefined>>,
  label: string,
  engines: readonly EngineModel[],
  catalogues: Catalogues = builtIn,
): Observation => observationOf(readRow(cells), measuredIn(cells), label, engines, catalogues)

/** A measured run of which the parts are known. Errors: as above. */
export function observationOf(
  row: RowInput,
  measured: Measured,
  label: string,
  engines: readonly EngineModel[],
  catalogues: Catalogues = builtIn,
): Observation {
  const scenario = readScenario(row, engines, catalogues)
  if ('reason' in scenario)
    throw new AppError('planner/bad-calibration', { message: `${label}: ${scenario.reason}` })
  return { scenario: asSeen(scenario, measured), label, measured }
}

/** Little's law: as many are in flight as come while one is answered. */
function asSeen(scenario: Scenario, { tpot, ttft }: Measured): Scenario {
  const { load, osl } = scenario
  if (load.kind !== 'open' || load.rateRps === null || tpot === null || ttft === null)
    return scenario
  const perMs = load.rateRps / 1e3
  const decoding = perMs * tpot * (osl - 1)
  if (!(decoding > 0 && ttft > 0)) return scenario
  return { ...scenario, load: { ...load, seen: { decoding, inFlight: decoding + perMs * ttft } } }
}

/** Columns with results, by figure. */
export const resultColumns: Readonly<Record<Figure, string>> = {
  tpot: 'tpot_ms',
  ttft: 'ttft_ms',
  e2e: 'e2e_ms',
  throughput: 'throughput_tok_s',
}

function measuredIn(cells: Readonly<Record<string, string | undefined>>): Measured {
  const number = (figure: Figure): number | null => {
    const text = (cells[resultColumns[figure]] ?? '').trim()
    const value = Number(text)
    return text === '' || Number.isNaN(value) ? null : value
  }
  return {
    tpot: number('tpot'),
    ttft: number('ttft'),
    e2e: number('e2e'),
    throughput: number('throughput'),
  }
}
