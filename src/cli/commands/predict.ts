import { readFile } from 'node:fs/promises'
import { AppError } from '../../core/errors.ts'
import { parseCsv } from '../../core/csv.ts'
import { predictRow } from '../../planner/predict/predict-row.ts'
import { readRow } from '../../planner/predict/row.ts'
import { playBurst } from '../../simulator/rehearsal/play-burst.ts'
import { defineCommand, usageError } from '../command.ts'
import { missingColumns } from '../plan/run-columns.ts'
import { cataloguesWith } from '../plan/catalogues.ts'
import { calibrationFlags, plannerEngines } from '../plan/planner-engines.ts'

export const predict = defineCommand({
  name: 'predict',
  summary: 'Predict latency and throughput of the runs in a table',
  details:
    'Reads a CSV file of runs (engine, model, gpu, isl, osl, concurrency_or_batch; optional: version, num_gpus, tp, pp, precision, max_num_seqs, max_num_batched_tokens, gpu_memory_utilization, rate_rps, prefix_share, dp, ep, kv_dtype, speculative, compile, recv_interval (steps after which the engine looks for requests), scheduling (mixed: prompts share a step with decoding; async: the next step is decided while one runs), length_share (mean lengths over isl and osl), expert_kernels (triton, deepgemm or marlin in place of those of the device), or a whole launch command as command, which also names the engine where that column is empty) and writes one JSON line per row: mean TTFT, TPOT and E2E in ms, output tokens per second, KV blocks and the 80 % interval of each, or why the row is unsupported. Columns with results are never read. For a single configuration, `baleen plan MODEL --gpu …` with its settings pinned says the same in a table.',
  examples: ['predict --rows runs.csv'],
  positionals: [],
  flags: { rows: { kind: 'text', hint: 'FILE', summary: 'CSV file of runs' }, ...calibrationFlags },
  async run({ flags, io, output }) {
    if (flags.rows === undefined)
      throw usageError(
        '--rows FILE is missing',
        'For a single configuration: baleen plan MODEL --gpu l40s:1 --engine vllm --tp 1 --rate 2/s.',
      )
    const rows = parseCsv(await readTable(flags.rows))
    const missing = rows[0] ? missingColumns(rows[0]) : []
    if (missing.length > 0 || rows.length === 0)
      throw new AppError('planner/bad-rows', {
        message:
          rows.length === 0
            ? `${flags.rows} has no rows`
            : `${flags.rows} lacks ${missing.join(', ')}`,
      })
    const engines = await plannerEngines(flags, io, output)
    const names = rows.map(({ model }) => model ?? '')
    const catalogues = await cataloguesWith(names, io.workingDirectory)
    let unsupported = 0
    for (const [index, cells] of rows.entries()) {
      const answer = predictRow(index, readRow(cells), engines, playBurst, catalogues)
      if ('unsupported' in answer) unsupported++
      output.line(JSON.stringify(answer))
    }
    if (unsupported > 0)
      output.note(
        `${unsupported} of ${rows.length} rows could not be predicted: \`unsupported\` says why`,
      )
  },
})

async function readTable(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new AppError('planner/bad-rows', { message: `can't read ${path}`, cause: error })
  }
}
