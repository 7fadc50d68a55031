import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readCsv } from './csv.ts'
import type { BenchRow } from './rows.ts'
import type { Figure } from './score.ts'

/** What another tool said of a row. */
export interface BaselineAnswer {
  readonly tool: string
  readonly row: BenchRow
  readonly predicted: Partial<Record<Figure, number>>
}

/** Reads the answers of other tools that lie beside the rows; none where the files are absent. */
export function loadBaselines(directory: string, rows: readonly BenchRow[]): BaselineAnswer[] {
  const read = (name: string) => {
    const path = join(directory, name)
    return existsSync(path) ? readCsv(path) : []
  }
  const byId = new Map<string, BenchRow>()
  const byStage = new Map<string, BenchRow>()
  for (const row of rows) {
    const notes = row.cells.notes ?? ''
    const id = /\bid=(\S+)/.exec(notes)?.[1]
    if (id) byId.set(id, row)
    const stage = /exp=([^;]+);.*stage=(\w+)/.exec(notes)
    if (stage) byStage.set(`${stage[1]}/${stage[2]}`, row)
  }
  const configurator = read('baseline_aiconfigurator_0.10.0_predictions.csv').flatMap((cells) => {
    const row = byId.get(cells.id ?? '')
    const tpot = Number(cells.aic_predicted_tpot_ms)
    const ttft = Number(cells.aic_predicted_ttft_ms)
    if (!row || !(tpot > 0) || !(ttft > 0)) return []
    const e2e = ttft + tpot * ((row.input.osl ?? 1) - 1)
    return [{ tool: 'aiconfigurator 0.10', row, predicted: { tpot, ttft, e2e } }]
  })
  const simulators = read('baseline_simulators_vs_vllm.csv').flatMap((cells) => {
    const stage = cells.stage_index === '-1' ? 'all' : cells.stage_index
    const row = byStage.get(`${cells.exp}/${stage}`)
    const figure = simulated[cells.metric_name ?? '']
    const value = Number(cells.predicted)
    if (!row || !figure || !(value > 0)) return []
    return [{ tool: cells.simulator ?? '', row, predicted: { [figure]: value } }]
  })
  return [...configurator, ...simulators]
}

const simulated: Readonly<Record<string, Figure | undefined>> = {
  e2e_mean: 'e2e',
  itl_mean: 'tpot',
  ttft_mean: 'ttft',
}
