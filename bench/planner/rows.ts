import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readRow, type RowInput } from '../../src/planner/predict/row.ts'
import { type CsvRow, readCsv } from './csv.ts'
import { draftsUntold, isDisaggregated, liftInputs, mayBeDrafted } from './lift.ts'

export interface BenchRow {
  readonly file: string
  readonly index: number
  readonly cells: CsvRow
  readonly input: RowInput
  readonly measured: Measured
  readonly isDisaggregated: boolean
  /** Why nothing should be learnt from the row, though it is predicted and counted like any other. */
  readonly unfitReason: string | null
}

export interface Measured {
  readonly ttft: number | null
  readonly tpot: number | null
  readonly e2e: number | null
  readonly throughput: number | null
}

/** Every CSV file of the directory that holds measured runs in the 16-column form. */
export function loadRows(directory: string): BenchRow[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.csv') && !/^(baseline|raw)_/.test(name))
    .toSorted()
    .flatMap((file) =>
      readCsv(join(directory, file)).map((cells, index) => benchRow(file, index, cells)),
    )
    .filter((row) => 'concurrency_or_batch' in row.cells)
}

function benchRow(file: string, index: number, cells: CsvRow): BenchRow {
  const input = readRow(liftInputs(cells))
  return {
    file,
    index,
    cells,
    input,
    measured: measuredOf(cells, input),
    isDisaggregated: isDisaggregated(cells),
    unfitReason: unfitReason(file, cells),
  }
}

function measuredOf(cells: CsvRow, input: RowInput): Measured {
  const positive = (text: string | undefined): number | null => {
    const value = Number.parseFloat(text ?? '')
    return value > 0 ? value : null
  }
  const ttft = positive(cells.ttft_ms)
  const tpot = positive(cells.tpot_ms)
  const told = positive(/\be2e(?:_mean=| mean )([\d.]+)/.exec(cells.notes ?? '')?.[1])
  const added =
    ttft !== null && tpot !== null && input.osl !== null ? ttft + tpot * (input.osl - 1) : null
  return { ttft, tpot, e2e: told ?? added, throughput: positive(cells.throughput_tok_s) }
}

function unfitReason(file: string, cells: CsvRow): string | null {
  const notes = cells.notes ?? ''
  if (/SUSPECT/.test(notes)) return 'its source marks it as suspect'
  if (/speculative/.test(notes)) return 'it decodes speculatively, which no column says'
  if (!/^\d/.test(cells.isl ?? '') || !/^\d/.test(cells.tp ?? ''))
    return 'it does not say how long prompts are, or how many ranks there were'
  // Prompts of MiniMax-M2.5 take five times as long there as in the silicon sample on the same machines.
  if (draftsUntold(liftInputs(cells)) !== null || mayBeDrafted(cells))
    return 'it decodes several tokens a step, or may do so, which no column says'
  if (isCold(cells)) return 'its first requests waited a minute for kernels to be compiled'
  if (isCached(cells))
    return 'a token takes less than the prompts that are read beside it: they were in the prefix cache'
  if (isUntoldSplit(cells))
    return 'prefill and decoding ran on engines of their own, which the row does not say'
  if (isFaulty(cells))
    return 'prompts take four times as long as on the device before it, a fault of that release'
  if (file === 'inferencex_token_position.csv') return 'it contradicts the silicon sample'
  return null
}

/**
 * InferenceX had no warm-up in November 2025: under SGLang a tenth of the requests, the first of each user, took a minute, which
 * is 7 to 9 s in the mean whatever the load.
 */
const isCold = (cells: CsvRow): boolean =>
  cells.engine === 'sglang' &&
  cells.version === '' &&
  (cells.gpu ?? '').startsWith('b200') &&
  (cells.precision ?? '').startsWith('fp4')

/**
 * SGLang 0.5.10 reads DeepSeek's prompts on B300 four to six times as slowly as 0.5.9 did on B200 with the same flags, which InferenceX
 * filed as a fault on the day of these runs (github.com/sgl-project/sglang/issues/23061).
 */
const isFaulty = ({ engine, version, model, gpu }: CsvRow): boolean =>
  engine === 'sglang' &&
  (version ?? '').startsWith('0.5.10') &&
  /DeepSeek-(R1|V3)$/.test(model ?? '') &&
  (gpu ?? '').startsWith('b300')

/** 112 users with 1,000 tokens in and 100 out: 11 ms a token, where the prompts alone would take 16 at the best known rate. */
const isCached = ({ engine, version, model }: CsvRow): boolean =>
  engine === 'vllm' && version === '0.12.0' && /Llama-3\.1-8B/.test(model ?? '')

/** On GB200 in November 2025 a token takes no longer however long prompts are, on as many ranks as 28 or 52. */
const isUntoldSplit = (cells: CsvRow): boolean =>
  cells.gpu === 'gb200' && /^agg .*measured 2025-11-17/.test(cells.notes ?? '')
