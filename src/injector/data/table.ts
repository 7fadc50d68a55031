import { readFileSync, statSync } from 'node:fs'
import { delimiterOf } from '../../core/csv.ts'
import { AppError } from '../../core/errors.ts'
import { formatBytes } from '../../core/units.ts'

/** One row of a file: CSV gives texts, JSONL whatever stands there. */
export type Row = Readonly<Record<string, unknown>>

const fileBytesMax = 400 * 2 ** 20

/** A CSV or JSONL file (or a JSON array) as rows. Error: `injection/bad-data`. */
export function readTable(path: string): Row[] {
  const text = readText(path)
  const start = text.trimStart()[0]
  if (start === '[') return asRows(parseJson(text, path), path)
  if (start === '{')
    return isOneDocument(text) ? asRows([JSON.parse(text)], path) : parseLines(text, path)
  const [header = [], ...lines] = parseCsv(text)
  const names = header.map((name) => name.trim())
  return lines.map((cells) =>
    Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ''])),
  )
}

/** RFC 4180, with either line end, or semicolons or tabs in place of commas; a last line without end counts, an empty one does not. */
export function parseCsv(text: string): string[][] {
  const delimiter = delimiterOf(text)
  const rows: string[][] = []
  let row: string[] = []
  let cell = ''
  let isQuoted = false
  const endCell = () => {
    row.push(cell)
    cell = ''
  }
  const endRow = () => {
    endCell()
    if (row.length > 1 || row[0] !== '') rows.push(row)
    row = []
  }
  for (let index = text.charCodeAt(0) === 0xfeff ? 1 : 0; index < text.length; index++) {
    const character = text[index]!
    if (isQuoted) {
      if (character !== '"') cell += character
      else if (text[index + 1] === '"') {
        cell += '"'
        index++
      } else isQuoted = false
    } else if (character === '"' && cell === '') isQuoted = true
    else if (character === delimiter) endCell()
    else if (character === '\n') endRow()
    else if (character !== '\r' || text[index + 1] !== '\n') cell += character
  }
  endRow()
  return rows
}

/** What a cell says, where it is one: text, or a number of JSONL. */
export const cellText = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : ''

export const formatCsvCell = (value: string): string =>
  /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value

function readText(path: string): string {
  try {
    const { size } = statSync(path)
    if (size > fileBytesMax)
      throw bad(`${path} has ${formatBytes(size)}, at most ${formatBytes(fileBytesMax)} are read`)
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown
    throw new AppError('injection/bad-data', {
      message: `can't read ${path}: ${(thrown as Error).message}`,
      hint: 'Correct the path of the file.',
      cause: thrown,
    })
  }
}

/** One JSON object over many lines, such as a file of spans. */
function isOneDocument(text: string): boolean {
  const line = text.slice(0, text.indexOf('\n', text.indexOf('{')) + 1 || undefined)
  try {
    JSON.parse(line)
    return false
  } catch {
    try {
      JSON.parse(text)
      return true
    } catch {
      return false
    }
  }
}

function parseLines(text: string, path: string): Row[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.map(
    (line, index) => asRows([parseJson(line, `${path}, line ${index + 1}`)], path)[0]!,
  )
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw bad(`${where} is not JSON`, cause)
  }
}

function asRows(value: unknown, path: string): Row[] {
  const isRow = (item: unknown) => typeof item === 'object' && item !== null && !Array.isArray(item)
  if (Array.isArray(value) && value.every(isRow)) return value as Row[]
  throw bad(`${path} holds something else than rows`)
}

const bad = (message: string, cause?: unknown): AppError =>
  new AppError('injection/bad-data', cause === undefined ? { message } : { message, cause })
