/**
 * Fits the coefficients of every engine to the published runs in ../shared/data/perf, cross-validates them by leaving
 * out (model, accelerator) pairs, and writes src/engines/ENGINE/fitted.json: `node bench/planner/fit.ts [ENGINE …]`.
 */
import { writeFileSync } from 'node:fs'
import type { ErrorBar, FittedEngine } from '../../src/core/engine-model.ts'
import { engineModels } from '../../src/engines/models.ts'
import { crossValidate, type HeldOut } from './cross-validate.ts'
import { dataFile } from './data.ts'
import { fitEngine, stateWith } from './fit-engine.ts'
import { loadRows, type Measured } from './rows.ts'
import { sampleRows } from './samples.ts'
import { quantile } from './statistics.ts'

const { samples } = sampleRows(loadRows(dataFile('perf')))

const wanted = process.argv.slice(2)

for (const engine of engineModels) {
  if (wanted.length > 0 && !wanted.includes(engine.name)) continue
  const own = samples.filter((sample) => sample.scenario.engine.name === engine.name)
  const fit = own.filter((sample) => sample.row.unfitReason === null)
  const full = fitEngine(engine, fit)
  const held = crossValidate(engine, fit, full)
  const fitted: FittedEngine = {
    ...full,
    provenance: `bench/planner/fit.ts: ${fit.length} published runs of ${new Set(fit.map((one) => one.pair)).size} (model, accelerator) pairs; error bars from leaving each pair out.`,
    errorBars: {
      ttft: errorBar('ttft'),
      tpot: errorBar('tpot'),
      e2e: errorBar('e2e'),
      throughput: errorBar('throughput'),
    },
  }
  const path = new URL(`../../src/engines/${engine.name}/fitted.json`, import.meta.url)
  writeFileSync(path, `${JSON.stringify(fitted, null, 1)}\n`)
  console.log(
    `${engine.name}: ${fit.length} runs, TPOT bars ±${Object.values(fitted.errorBars.tpot).join(' / ')}`,
  )

  /** 80 % of the runs that a fit had not seen lay closer than this, as a logarithm. */
  function errorBar(figure: keyof Measured): ErrorBar {
    const known = errors(
      fit
        .map((sample) => ({ sample, state: stateWith(engine, full, sample.scenario) }))
        .map(({ sample, state }) =>
          logError(
            sample.row.measured[figure],
            {
              ttft: state.ttftMs,
              tpot: state.tpotMs,
              e2e: state.e2eMs,
              throughput: state.outputTokensPerSecond,
            }[figure],
          ),
        ),
    )
    const unseen = errors(
      held.map((one: HeldOut) => logError(one.sample.row.measured[figure], one.predicted[figure])),
    )
    const bar = (values: readonly number[], fallback: number) =>
      Number((values.length >= 20 ? quantile(values, 0.8) : fallback).toFixed(3))
    const partly = bar(unseen, 0.5)
    return { known: bar(known, partly), partly, unknown: Number((partly * 1.3).toFixed(3)) }
  }
}

function errors(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null)
}

function logError(measured: number | null, predicted: number): number | null {
  return measured === null || !(predicted > 0) ? null : Math.abs(Math.log(predicted / measured))
}
