import { type CommandColumns, engineOfCommand, readLaunchCommand } from './launch-command.ts'
import { publishedLaunch, ranksOf } from './published-launch.ts'

/** One line of a table of runs: the inputs only. Cells are text as they stand in the file. */
export interface RowInput {
  readonly engine: string
  readonly version: string
  readonly model: string
  readonly gpu: string
  readonly numGpus: number | null
  readonly tp: number | null
  readonly pp: number | null
  readonly dp: number | null
  readonly ep: number | null
  readonly precision: string
  readonly isl: number | null
  readonly osl: number | null
  /** Lengths are fractions, or said to be means: they were drawn, not asked for. */
  readonly areLengthsDrawn: boolean
  readonly load: string
  readonly rateRps: number | null
  readonly prefixShare: number | null
  readonly maxSequences: number | null
  readonly batchedTokens: number | null
  readonly memoryShare: number | null
  readonly kvDtype: string
  /** Steps after which the engine looks for new requests. */
  readonly recvInterval: number | null
  /** Mean of the lengths over what the row names: below 1 where they were drawn up to it. */
  readonly lengthShare: number | null
  /** Drafts, as `--speculative` takes them; the acceptance may be left out. */
  readonly speculative: string
  /** `eager`, `graphs` or `full`. */
  readonly compile: string
  /** `async`: the next step is decided while one runs. `mixed`: prompts share a step with decoding. */
  readonly scheduling: string
  /** `triton`, `deepgemm` or `marlin`: whose kernels the experts have in place of the device's own. */
  readonly expertKernels: string
  /** Why cells can't be what was meant, as "column is text: reason". */
  readonly odd: readonly string[]
}

/** Columns that a table must have; the rest of the 16 hold results and remarks, and are never read. */
export const requiredColumns = [
  'engine',
  'version',
  'model',
  'gpu',
  'num_gpus',
  'tp',
  'pp',
  'precision',
  'isl',
  'osl',
  'concurrency_or_batch',
] as const

/**
 * Reads the inputs of a row; a cell that is absent or no number is null. What a `command` column says of an input stands
 * behind the input's own column.
 */
export function readRow(given: Readonly<Record<string, string | undefined>>): RowInput {
  const published = given.command ? null : publishedLaunch(given)
  const told = given.command ? readLaunchCommand(given.command) : published
  const cells = told ? { ...behind(given, told), ...(published ? ranksOf(published) : {}) } : given
  const text = (name: string) => (cells[name] ?? '').trim()
  const number = (name: string): number | null => readNumber(text(name))
  const count = (name: string): number | null => {
    const value = number(name)
    return value !== null && value >= 1 ? Math.round(value) : null
  }
  return {
    engine: text('engine') || engineOfCommand(text('command')),
    version: text('version'),
    model: text('model'),
    gpu: text('gpu'),
    numGpus: count('num_gpus'),
    tp: count('tp'),
    pp: count('pp'),
    dp: count('dp'),
    ep: count('ep'),
    precision: text('precision'),
    isl: count('isl'),
    osl: count('osl'),
    areLengthsDrawn: ['isl', 'osl'].some(
      (name) => /mean/i.test(text(name)) || !Number.isInteger(number(name) ?? 0),
    ),
    load: text('concurrency_or_batch'),
    rateRps: number('rate_rps'),
    prefixShare: number('prefix_share'),
    maxSequences: count('max_num_seqs'),
    batchedTokens: count('max_num_batched_tokens'),
    memoryShare: number('gpu_memory_utilization'),
    kvDtype: text('kv_dtype'),
    recvInterval: count('recv_interval'),
    lengthShare: number('length_share'),
    speculative: text('speculative'),
    compile: text('compile'),
    scheduling: text('scheduling'),
    expertKernels: text('expert_kernels'),
    odd: oddities(text),
  }
}

/** "294 (mean)" and "12/s" are numbers with a remark; "1,024" and "4k" could be anything. */
function readNumber(cell: string): number | null {
  const match = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?(?=$|[\s(/])/i.exec(cell)
  const value = match ? Number(match[0]) : Number.NaN
  return Number.isFinite(value) ? value : null
}

/** Cells by what is wrong with them: "tp is "two", pp is "x1": a number is meant". */
function oddities(text: (name: string) => string): string[] {
  const cells = new Map<string, string[]>()
  for (const name of numeric) {
    const cell = text(name)
    const reason = oddity(name, cell)
    if (reason !== null)
      cells.set(reason, [...(cells.get(reason) ?? []), `${name} is "${cell.slice(0, 40)}"`])
  }
  return [...cells].map(([reason, told]) => `${told.join(', ')}: ${reason}`)
}

/** Null: a number that can be meant, or nothing. */
function oddity(name: (typeof numeric)[number], cell: string): string | null {
  if (/^(n\/?a|nan|null|none|auto|default|unknown|-|\?)?$/i.test(cell)) return null
  const value = readNumber(cell)
  if (value === null) return 'a number is meant'
  if (shares.has(name)) return value >= 0 && value <= 1 ? null : 'a share from 0 to 1 is meant'
  const least = lengths.has(name) ? 1 : 0
  return value >= least && value <= most ? null : `from ${least} to ${most} is meant`
}

/** Beyond any model's context and any fleet. */
const most = 100_000_000
const lengths: ReadonlySet<string> = new Set(['isl', 'osl'])
const shares: ReadonlySet<string> = new Set([
  'prefix_share',
  'gpu_memory_utilization',
  'length_share',
])

const numeric = [
  'num_gpus',
  'tp',
  'pp',
  'dp',
  'ep',
  'isl',
  'osl',
  'rate_rps',
  'prefix_share',
  'max_num_seqs',
  'max_num_batched_tokens',
  'gpu_memory_utilization',
  'recv_interval',
  'length_share',
] as const

type Cells = Readonly<Record<string, string | undefined>>

function behind(cells: Cells, told: CommandColumns): Cells {
  const named = Object.fromEntries(
    Object.entries(cells).filter(([, cell]) => (cell ?? '').trim() !== ''),
  )
  return { ...cells, ...told, ...named }
}
