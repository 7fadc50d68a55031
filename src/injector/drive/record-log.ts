import { outcomes } from '../../contract/injection-summary.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'

/**
 * Records of a thread as rows of numbers: what stays until the end of a run is a few large blocks which the garbage
 * collector need not follow, and they cross threads without being copied.
 */
export interface RecordLog {
  readonly packed: PackedRecords
  add(record: RequestRecord): void
}

export interface PackedRecords {
  count: number
  readonly rows: Float64Array<ArrayBuffer>[]
  /** Times of content events; those of one record stand together. */
  readonly content: Float64Array<ArrayBuffer>[]
  /** What rows name by number. */
  readonly texts: string[]
}

const numbers = [
  'index',
  'model',
  'turn',
  'status',
  'intendedMs',
  'handedMs',
  'writtenMs',
  'connectedMs',
  'headersMs',
  'firstByteMs',
  'firstEventMs',
  'firstAnswerMs',
  'finishMs',
  'doneMs',
  'endedMs',
  'wantedInputTokens',
  'wantedOutputTokens',
] as const
/** NaN in a row where they are null. */
const counts = ['outputTokens', 'promptTokens', 'cachedTokens'] as const
/** −1 in a row where they are null. */
const texts = ['error', 'finishReason', 'text'] as const
const tokenSources = ['none', 'usage', 'tokenize'] as const
/** Beside those: outcome, source of tokens, and block, place and number of the content times. */
const columns = numbers.length + counts.length + texts.length + 5
const rowsPerBlock = 1024
const timesPerBlock = 65_536
/** Reasons and errors are few and named again and again; answers are not looked for. */
const knownMax = 1000

export function createRecordLog(): RecordLog {
  const packed: PackedRecords = { count: 0, rows: [], content: [], texts: [] }
  const known = new Map<string, number>()
  let timesUsed = 0

  function numberOf(text: string | null): number {
    if (text === null) return -1
    const found = known.get(text)
    if (found !== undefined) return found
    const made = packed.texts.push(text) - 1
    if (known.size < knownMax) known.set(text, made)
    return made
  }

  return {
    packed,
    add(record) {
      const row = packed.count++ % rowsPerBlock
      if (row === 0) packed.rows.push(new Float64Array(rowsPerBlock * columns))
      const { length } = record.contentMs
      if (timesUsed + length > (packed.content.at(-1)?.length ?? -1)) {
        packed.content.push(new Float64Array(Math.max(timesPerBlock, length)))
        timesUsed = 0
      }
      const rows = packed.rows.at(-1)!
      let at = row * columns
      for (const name of numbers) rows[at++] = record[name]
      for (const name of counts) rows[at++] = record[name] ?? NaN
      for (const name of texts) rows[at++] = numberOf(record[name])
      rows[at++] = outcomes.indexOf(record.outcome)
      rows[at++] = tokenSources.indexOf(record.tokenSource)
      rows[at++] = packed.content.length - 1
      rows[at++] = timesUsed
      rows[at++] = length
      packed.content.at(-1)!.set(record.contentMs, timesUsed)
      timesUsed += length
    },
  }
}

/** What may be handed to another thread in place of a copy. */
export const transferable = ({ rows, content }: PackedRecords): ArrayBuffer[] =>
  [...rows, ...content].map(({ buffer }) => buffer)

export function unpackRecords(packed: PackedRecords): RequestRecord[] {
  const textAt = (index: number) => (index < 0 ? null : packed.texts[index]!)
  return Array.from({ length: packed.count }, (_, index) => {
    const rows = packed.rows[Math.floor(index / rowsPerBlock)]!
    let at = (index % rowsPerBlock) * columns
    const next = () => rows[at++]!
    const named = <Name extends string, Value>(
      names: readonly Name[],
      read: (value: number) => Value,
    ): Record<Name, Value> => {
      const values = {} as Record<Name, Value>
      for (const name of names) values[name] = read(next())
      return values
    }
    return {
      ...named(numbers, (value) => value),
      ...named(counts, (value) => (Number.isNaN(value) ? null : value)),
      ...named(texts, textAt),
      outcome: outcomes[next()]!,
      tokenSource: tokenSources[next()]!,
      contentMs: contentAt(packed.content[next()]!, next(), next()),
    }
  })
}

const contentAt = (block: Float64Array, start: number, length: number): Float64Array =>
  block.subarray(start, start + length)
