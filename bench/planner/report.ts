import { engineModels } from '../../src/engines/models.ts'
import { memoryBudget } from '../../src/planner/memory/budget.ts'
import { steadyState } from '../../src/planner/load/steady-state.ts'
import { readRow } from '../../src/planner/predict/row.ts'
import { readScenario } from '../../src/planner/predict/read-scenario.ts'
import { readCsv } from './csv.ts'
import { dataFile } from './data.ts'
import type { BenchRow } from './rows.ts'
import type { Judged } from './score.ts'
import { median, quantile } from './statistics.ts'

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

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

/** The two figures that are often quoted, with the tables around them, and what the same model does on CPUs. */
export function reportQuoted(judged: readonly Judged[]): void {
  console.log('\nOften quoted: TensorRT-LLM FP8 on one H100 at max load, 128/128')
  for (const { model, named, quoted, why } of quotes) {
    const around = judged
      .filter(({ row }) => named.test(row.input.model) && isQuotedRow(row))
      .map(
        ({ row }) =>
          `v${row.input.version} ${row.input.gpu.slice(0, 4)} ${Math.round(row.measured.throughput ?? 0)}`,
      )
    const ours = maxLoad(model, 'h100', 'trtllm', 'fp8')
    console.log(
      `  ${model}: ours ${Math.round(ours)} tok/s, quoted ${quoted}; tables: ${around.join(', ')}\n    ${why}`,
    )
  }
  console.log(
    '\nOne H100 (TensorRT-LLM, FP8) over one CPU host (vLLM, bf16) at max load, 128/128; quoted 8 ×',
  )
  for (const model of onBoth) {
    const gpu = maxLoad(model, 'h100', 'trtllm', 'fp8')
    const ratios = hosts.map((host) => {
      const cpu = maxLoad(model, host, 'vllm', 'bf16')
      return `${host} ${Math.round(cpu)} tok/s, ${(gpu / cpu).toFixed(0)} ×`
    })
    console.log(`  ${model.padEnd(36)}${Math.round(gpu)} tok/s   ${ratios.join('   ')}`)
  }
}

const quotes = [
  {
    model: 'EleutherAI/gpt-j-6b',
    named: /^gpt-?j/i,
    quoted: 34_955,
    why: 'v0.9, v0.11 and v0.12 measure 24,400 to 25,900; the table of v0.10 also has this GPU at 54,939 for 128/2048, six times an H200: that table is at fault.',
  },
  {
    model: 'meta-llama/Meta-Llama-3-8B',
    named: /^llama v3(\.1)? 8b/i,
    quoted: 16_708,
    why: 'v0.10 gives H100 and H200 the same figure to four digits, so that host or batch limit bound it, not the GPU; v0.14 and later measure Llama 3.1 8B at 26,900 to 28,800.',
  },
] as const

const onBoth = [
  'EleutherAI/gpt-j-6b',
  'meta-llama/Meta-Llama-3-8B',
  'Qwen/Qwen2.5-7B-Instruct',
  'Qwen/Qwen3-30B-A3B',
] as const
const hosts = ['xeon 6980p', 'epyc 9654'] as const

function maxLoad(model: string, gpu: string, engine: string, precision: string): number {
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

const isQuotedRow = ({ input, measured }: BenchRow): boolean =>
  /^h[12]00/i.test(input.gpu) &&
  input.precision === 'FP8' &&
  input.isl === 128 &&
  input.osl === 128 &&
  measured.throughput !== null
