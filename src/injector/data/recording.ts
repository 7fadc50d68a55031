import { AppError } from '../../core/errors.ts'
import type { Recording } from '../policy/workload/schedule.ts'
import { cellText, readTable, type Row } from './table.ts'

export interface RecordingChoice {
  readonly path: string
  /** `time`, `input`, `output`, `blocks`, `client` → column; `unit` → s, ms or us. */
  readonly columns: Readonly<Record<string, string>>
  /** Part of the recording, from its start. */
  readonly fromMs: number
  readonly toMs: number | null
}

/** Columns of published traces: Azure, BurstGPT, Mooncake, ServeGen, Vidur, vLLM's timed trace. */
const usualNames = {
  time: ['timestamp', 't_s', 'time', 'arrival_time', 'arrived_at', 'arrival_time_ns', 'arrival_s'],
  input: [
    'contexttokens',
    'request tokens',
    'input_length',
    'input_tokens',
    'text_tokens',
    'num_prefill_tokens',
    'prompt_tokens',
  ],
  output: [
    'generatedtokens',
    'response tokens',
    'output_length',
    'output_tokens',
    'num_decode_tokens',
    'completion_tokens',
  ],
  blocks: ['hash_ids'],
  client: ['client', 'client_id', 'user_id', 'tenant'],
} as const

/** A trace file as times and lengths. Error: `injection/bad-data`. */
export function readRecording({ path, columns, fromMs, toMs }: RecordingChoice): Recording {
  const rows = readTable(path)
  if (rows.length === 0) throw bad(`${path} holds no rows`)
  const names = Object.keys(rows[0]!)
  const column = (role: keyof typeof usualNames): string | null => {
    const named = columns[role]
    if (named !== undefined && !names.includes(named))
      throw bad(`${path} has no column "${named}"; it has ${names.join(', ')}`)
    const usual: readonly string[] = usualNames[role]
    return named ?? names.find((name) => usual.includes(name.trim().toLowerCase())) ?? null
  }
  const time = column('time')
  if (time === null) throw bad(`no column of ${path} looks like a time: ${names.join(', ')}`)
  const blocks = column('blocks')
  const client = column('client')
  // A name may end in the unit. Mooncake counts milliseconds, everybody else seconds.
  const told = /_(ns|us|ms|s)$/i.exec(time)?.[1]?.toLowerCase()
  const factor = unitFactor(columns['unit'] ?? told ?? (blocks === null ? 's' : 'ms'))
  const all = rows.map((row, index) => ({ row, atMs: timeMs(row[time], factor, index) }))
  const startMs = all.reduce((least, { atMs }) => Math.min(least, atMs), Infinity)
  const part = all
    .map(({ row, atMs }) => ({ row, atMs: atMs - startMs - fromMs }))
    .filter(({ atMs }) => atMs >= 0 && atMs < (toMs ?? Infinity) - fromMs)
    .sort((a, b) => a.atMs - b.atMs)
  const lengths = (name: string | null) =>
    name === null ? null : Uint32Array.from(part, ({ row }) => countOf(row, name))
  return {
    timesMs: Float64Array.from(part, ({ atMs }) => atMs),
    inputTokens: lengths(column('input')),
    outputTokens: lengths(column('output')),
    clients: client === null ? null : part.map(({ row }) => cellText(row[client])),
    prefixBlocks: blocks === null ? null : part.map(({ row }) => blocksOf(row[blocks])),
  }
}

function unitFactor(unit: string): number {
  const factor = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 }[unit]
  if (factor === undefined) throw bad(`"${unit}" is no unit of time; one of s, ms, us, ns`)
  return factor
}

/** A number in the unit, or a date with any number of decimals. */
function timeMs(value: unknown, factor: number, index: number): number {
  if (typeof value === 'number') return value * factor
  const text = typeof value === 'string' ? value.trim() : ''
  if (/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text)) return Number(text) * factor
  const date = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?/.exec(text)
  if (!date) throw bad(`row ${index + 1}: "${text.slice(0, 40)}" is no time`)
  return Date.parse(`${date[1]}T${date[2]}Z`) + Number(date[3] ?? 0) * 1000
}

function countOf(row: Row, name: string): number {
  const value = Number(row[name])
  return Number.isFinite(value) && value > 0 ? Math.round(value) : 0
}

const blocksOf = (value: unknown): number[] =>
  Array.isArray(value) ? value.filter((item): item is number => typeof item === 'number') : []

const bad = (message: string): AppError => new AppError('injection/bad-data', { message })
