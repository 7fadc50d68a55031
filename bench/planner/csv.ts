import { readFileSync } from 'node:fs'
import { parseCsv } from '../../src/core/csv.ts'

export type CsvRow = Readonly<Record<string, string>>

export const readCsv = (path: string): CsvRow[] => parseCsv(readFileSync(path, 'utf8'))
