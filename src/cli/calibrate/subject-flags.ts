import { readRow, type RowInput } from '../../planner/predict/row.ts'
import { type Flags, type FlagValues, usageError } from '../command.ts'

/** What ran, where a report does not say. */
export const subjectFlags = {
  engine: { kind: 'text', hint: 'NAME', summary: 'Engine that ran' },
  model: { kind: 'text', summary: 'Model that it ran: a built-in name or a file' },
  gpu: { kind: 'text', hint: 'TYPE:COUNT', summary: 'Devices that it ran on: l40s:2, or local' },
  'engine-version': { kind: 'text', summary: 'Version of the engine' },
  weights: { kind: 'text', summary: 'Precision of the weights; default: as published' },
  kv: { kind: 'text', summary: 'Precision of the cache' },
  tp: { kind: 'integer', summary: 'Tensor ranks' },
  pp: { kind: 'integer', summary: 'Pipeline stages' },
  sequences: { kind: 'integer', summary: 'Sequences that it runs at once at most' },
  'batch-tokens': { kind: 'integer', summary: 'Tokens that it takes into one step at most' },
  'memory-share': { kind: 'text', hint: '0.9', summary: 'Share of the memory that it may use' },
} as const satisfies Flags

/** The row that the flags describe, but for lengths and load. */
export function subjectRow(flags: FlagValues<typeof subjectFlags>): RowInput {
  const missing = (['engine', 'model', 'gpu'] as const).filter((name) => flags[name] === undefined)
  if (missing.length > 0)
    throw usageError(
      `a report does not say what was run: ${missing.map((name) => `--${name}`).join(', ')} missing`,
      'For example --engine vllm --model llama-3.1-8b --gpu l40s:1.',
    )
  const [, gpu = '', count = '1'] = /^(.*?)(?::(\d{1,5}))?$/.exec(flags.gpu ?? '') ?? []
  return readRow({
    engine: flags.engine,
    version: flags['engine-version'],
    model: flags.model,
    gpu,
    num_gpus: count,
    tp: text(flags.tp),
    pp: text(flags.pp),
    precision: flags.weights,
    kv_dtype: flags.kv,
    max_num_seqs: text(flags.sequences),
    max_num_batched_tokens: text(flags['batch-tokens']),
    gpu_memory_utilization: flags['memory-share'],
  })
}

const text = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : String(value)
