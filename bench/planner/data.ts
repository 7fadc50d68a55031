import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Published measurements live beside the project, never in it. */
export const dataDirectory =
  process.env.BALEEN_PLANNER_DATA ?? join(import.meta.dirname, '../../../shared/data')

export const hasData = (): boolean => existsSync(join(dataDirectory, 'ops'))

export const dataFile = (...parts: string[]): string => join(dataDirectory, ...parts)
