/**
 * Fits the coefficients of all engines to the published runs in ../shared/data/perf, cross-validates them by leaving out
 * (model, accelerator) pairs, whole accelerators and whole models, and writes src/engines/ENGINE/fitted.json:
 * `node bench/planner/fit.ts [--bars]`. Without --bars the error bars stay as they are.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { ErrorBar, FittedEngine } from '../../src/core/engine-model.ts'
import { engineModels } from '../../src/engines/models.ts'
import { loadBaselines } from './baselines.ts'
import type { HeldOut } from './cross-validate.ts'
import { dataFile } from './data.ts'
import { fitEngines, stateWith } from './fit-engine.ts'
import { predictUnseen, printUnseen } from './report-unseen.ts'
import { loadRows, type Measured } from './rows.ts'
import { sampleRows } from './samples.ts'
import { quantile } from './statistics.ts'

const rows = loadRows(dataFile('perf'))
const { samples } = sampleRows(rows)
const fits = fitEngines(samples)
const isRefreshed = process.argv.includes('--bars')
const seen = isRefreshed ? samples.map((sample) => ({ sample, ...known(sample) })) : []
const held = isRefreshed ? predictUnseen(samples, fits, 10) : null

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
    errorBars: isRefreshed
      ? {
          tpot: errorBar(engine.name, 'tpot'),
          ttft: errorBar(engine.name, 'ttft'),
          e2e: errorBar(engine.name, 'e2e'),
          throughput: errorBar(engine.name, 'throughput'),
        }
      : before.errorBars,
  }
  writeFileSync(path, `${JSON.stringify(written, null, 1)}\n`)
  const bars = Object.values(written.errorBars.tpot).join(' / ')
  console.log(`${engine.name}: ${learnt.length} runs, TPOT bars ±${bars}`)
}

function known(sample: (typeof samples)[number]): Pick<HeldOut, 'predicted'> {
  const { ttftMs, tpotMs, e2eMs, outputTokensPerSecond } = stateWith(fits, sample)
  return {
    predicted: { ttft: ttftMs, tpot: tpotMs, e2e: e2eMs, throughput: outputTokensPerSecond },
  }
}

/** 80 % of the runs lay closer than this, as a logarithm: of those seen, and of those a fit had not seen. */
function errorBar(engine: string, figure: keyof Measured): ErrorBar {
  const bar = (held: readonly Pick<HeldOut, 'sample' | 'predicted'>[], fallback: number) => {
    const errors = held.flatMap(({ sample, predicted }) => {
      const measured = sample.row.measured[figure]
      const isOwn = sample.scenario.engine.name === engine && sample.row.unfitReason === null
      if (!isOwn || measured === null || !(predicted[figure] > 0)) return []
      return [Math.abs(Math.log(predicted[figure] / measured))]
    })
    return Number((errors.length >= 20 ? quantile(errors, 0.8) : fallback).toFixed(3))
  }
  const ofPairs = bar(held?.pair ?? [], 0.5)
  const unseen = [...(held?.accelerator ?? []), ...(held?.model ?? [])]
  return {
    known: bar(seen, ofPairs),
    partly: ofPairs,
    unknown: Math.max(ofPairs, bar(unseen, ofPairs * 1.3)),
  }
}

if (held) printUnseen(held, loadBaselines(dataFile('perf'), rows))
