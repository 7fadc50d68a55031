import { requiredColumns } from '../../planner/predict/row.ts'

/** Left out, they are the published precision, as many devices as the ranks take, and the newest release known. */
const usual: ReadonlySet<string> = new Set(['version', 'num_gpus', 'tp', 'pp', 'precision'])

/** Columns that a table of runs can't do without, and lacks. */
export const missingColumns = (row: Readonly<Record<string, string>>): string[] =>
  requiredColumns.filter((name) => !usual.has(name) && !(name in row))
