/**
 * Fits the coefficients of all engines to the published runs in ../shared/data/perf, cross-validates them by leaving out
 * (model, accelerator) pairs, whole accelerators and whole models, and writes src/engines/ENGINE/fitted.json:
 * `node bench/planner/fit.ts [--bars]`. Without --bars the error bars stay as they are.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { FittedEngine } from '../../src/core/engine-model.ts'
import { engineModels } from '../../src/engines/models.ts'
import { loadBaselines } from './baselines.ts'
import { createErrorBars } from './bars.ts'
import { dataFile } from './data.ts'
import { fitEngines } from './fit-engine.ts'
import { predictUnseen, printUnseen } from './report-unseen.ts'
import { loadRows } from './rows.ts'
import { sampleRows } from './samples.ts'

const rows = loadRows(dataFile('perf'))
const { samples } = sampleRows(rows)
const fits = fitEngines(samples)
const isRefreshed = process.argv.includes('--bars')
const unseen = isRefreshed ? predictUnseen(samples, fits, 10) : null
const barsOf = unseen
  ? createErrorBars({
      known: unseen.seen,
      partly: unseen.held.pair,
      unknown: [...unseen.held.accelerator, ...unseen.held.model],
    })()
  : null

for (const engine of engineModels) {
  const own = samples.filter(({ scenario }) => scenario.engine.name === engine.name)
  const fitted = fits.get(engine.name)
  if (!fitted || own.length === 0) continue
  const path = new URL(`../../src/engines/${engine.name}/fitted.json`, import.meta.url)
  const before = JSON.parse(readFileSync(path, 'utf8')) as FittedEngine
  const learnt = own.filter(({ row }) => row.unfitReason === null)
  const written: FittedEngine = {
    ...fitted,
    provenance: `bench/planner/fit.ts: ${learnt.length} published runs of ${fitted.measured.length} (model, accelerator) pairs; error bars from leaving out tenths of the pairs, and of whole models and accelerators.`,
    errorBars: barsOf ? barsOf(engine.name) : before.errorBars,
  }
  writeFileSync(path, `${JSON.stringify(written, null, 1)}\n`)
  const bars = Object.values(written.errorBars.decoding.tpot).join(' / ')
  console.log(`${engine.name}: ${learnt.length} runs, TPOT bars ±${bars}`)
}

if (unseen) printUnseen(unseen, loadBaselines(dataFile('perf'), rows))
