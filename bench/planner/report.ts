import { engineModels } from '../../src/engines/models.ts'
import { memoryBudget } from '../../src/planner/memory/budget.ts'
import { steadyState } from '../../src/planner/load/steady-state.ts'
import { readRow } from '../../src/planner/predict/row.ts'
import { readScenario } from '../../src/planner/predict/read-scenario.ts'
import { type BaselineAnswer, loadBaselines } from './baselines.ts'
import { crossValidate, type HeldOut } from './cross-validate.ts'
import { readCsv } from './csv.ts'
import { dataFile } from './data.ts'
import type { BenchRow } from './rows.ts'
import { sampleRows } from './samples.ts'
import { type Figure, figures, type Judged } from './score.ts'
import { groupBy, median, quantile } from './statistics.ts'

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** Predicts every row with a fit that has not seen its (model, accelerator) pair, beside what other tools said. */
export function reportCrossValidation(directory: string, rows: readonly BenchRow[]): void {
  const { samples } = sampleRows(rows)
  const held: HeldOut[] = []
  for (const engine of engineModels) {
    const own = samples.filter((sample) => sample.scenario.engine.name === engine.name)
    if (own.length > 0) held.push(...crossValidate(engine, own, engine.fitted))
  }
  console.log(
    '\nLeaving each (model, accelerator) pair out: median error (rows), share inside the 80 % bar',
  )
  for (const [slice, members] of groupBy(held, (one) => one.sample.row.file))
    console.log(
      `  ${slice.padEnd(36)}${figures.map((figure) => heldLine(members, figure)).join('')}`,
    )
  const baselines = loadBaselines(directory, rows)
  console.log('\nThe same rows, ours (pair left out) beside others')
  const ours = new Map(held.map((one) => [one.sample.row, one]))
  for (const [tool, answers] of groupBy(baselines, (one) => one.tool))
    for (const figure of figures) compareWith(tool, answers, figure, ours)
}

function heldLine(members: readonly HeldOut[], figure: Figure): string {
  const errors: number[] = []
  let inside = 0
  for (const { sample, predicted } of members) {
    const measured = sample.row.measured[figure]
    if (measured === null || !predicted[figure]) continue
    errors.push(Math.abs(predicted[figure] / measured - 1))
    const bar = sample.scenario.engine.fitted.errorBars[figure].partly
    if (Math.abs(Math.log(predicted[figure] / measured)) <= bar) inside++
  }
  if (errors.length === 0) return ''
  return `  ${figure} ${percent(median(errors))} (${errors.length}), ${percent(inside / errors.length)}`
}

function compareWith(
  tool: string,
  answers: readonly BaselineAnswer[],
  figure: Figure,
  ours: ReadonlyMap<BenchRow, HeldOut>,
): void {
  const pairs = answers.flatMap(({ row, predicted }) => {
    const measured = row.measured[figure]
    const theirs = predicted[figure]
    const own = ours.get(row)?.predicted[figure]
    if (measured === null || theirs === undefined || !own) return []
    return [{ theirs: Math.abs(theirs / measured - 1), ours: Math.abs(own / measured - 1) }]
  })
  if (pairs.length === 0) return
  const theirs = percent(median(pairs.map((pair) => pair.theirs)))
  const own = percent(median(pairs.map((pair) => pair.ours)))
  console.log(
    `  ${tool.padEnd(24)}${figure.padEnd(6)}${theirs.padStart(9)}   ours ${own.padStart(8)}   ${pairs.length} rows`,
  )
}

/** KV blocks of real vLLM beside ours. */
export function reportKvBlocks(): void {
  const errors: number[] = []
  for (const cells of readCsv(dataFile('traces', 'vllm_kv_memory_calibration.csv'))) {
    const row = readRow({
      ...cells,
      engine: 'vllm',
      num_gpus: cells.tp,
      concurrency_or_batch: '1',
      isl: '16',
      osl: '16',
      precision: /fp8/i.test(cells.model ?? '') ? 'fp8' : 'bf16',
    })
    const scenario = readScenario(row, engineModels)
    if ('reason' in scenario) continue
    const share = Number.parseFloat(cells.gpu_memory_utilization ?? '0.9')
    const batchedTokens = Number(cells.max_num_batched_tokens)
    const { kvBlocks } = memoryBudget(scenario.layout, scenario.engine.memory, {
      share,
      batchedTokens,
    })
    errors.push(Math.abs(kvBlocks / Number(cells.num_gpu_blocks) - 1))
  }
  console.log(
    `\nKV blocks of real vLLM: median error ${percent(median(errors))}, worst ${percent(quantile(errors, 1))} (${errors.length} logs)`,
  )
}

/** The two figures that are often quoted, with the tables around them. */
export function reportQuoted(judged: readonly Judged[]): void {
  console.log('\nOften quoted: TensorRT-LLM FP8 on one H100 at max load, 128/128')
  for (const [model, quoted] of [
    ['EleutherAI/gpt-j-6b', 34_955],
    ['meta-llama/Meta-Llama-3-8B', 16_708],
  ] as const) {
    const say = (gpu: string, engine: string, precision: string) => {
      const row = readRow({
        engine,
        version: engine === 'trtllm' ? '0.10.0' : '',
        model,
        gpu,
        num_gpus: '1',
        tp: '1',
        pp: '1',
        precision,
        isl: '128',
        osl: '128',
        concurrency_or_batch: 'max-load',
      })
      const scenario = readScenario(row, engineModels)
      return 'reason' in scenario ? Number.NaN : steadyState(scenario).outputTokensPerSecond
    }
    const around = judged
      .filter(
        ({ row }) =>
          row.input.model.replace(/\W/g, '').toLowerCase() === around128[model] && isQuotedRow(row),
      )
      .map(({ row }) => `v${row.input.version} ${Math.round(row.measured.throughput ?? 0)}`)
    const ours = say('h100', 'trtllm', 'fp8')
    const cpu = say('xeon 6980p', 'vllm', 'bf16')
    console.log(
      `  ${model}: ours ${Math.round(ours)} tok/s, quoted ${quoted}; tables: ${around.join(', ')}; GPU : CPU ${(ours / cpu).toFixed(0)} × (quoted 8 ×)`,
    )
  }
}

const around128: Readonly<Record<string, string>> = {
  'EleutherAI/gpt-j-6b': 'gptj6b',
  'meta-llama/Meta-Llama-3-8B': 'llamav38b',
}

const isQuotedRow = ({ input, measured }: BenchRow): boolean =>
  /h100/i.test(input.gpu) &&
  input.precision === 'FP8' &&
  input.isl === 128 &&
  input.osl === 128 &&
  measured.throughput !== null
