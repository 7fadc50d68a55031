import { existsSync } from 'node:fs'
import { scoreTemplate } from '../../planner/choose/scores.ts'
import { usageError } from '../command.ts'
import { writeAskedFile } from '../write-file.ts'
import type { Asking } from './choose-models.ts'

/** Writes a file of scores to fill in; never over one that is there. */
export function writeTemplate(path: string, { choices, task, languages }: Asking): void {
  if (existsSync(path))
    throw usageError(`${path} is there already: --template writes a new file only`)
  const names = choices.map(({ model }) => model.name)
  writeAskedFile(path, scoreTemplate(names, task, languages), { flag: 'wx' })
}
