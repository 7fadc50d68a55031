import { engines } from '../engines/index.ts'

/** What there is to know of an engine without running it. */
export interface EngineFacts {
  readonly name: string
  readonly about: string
  readonly tasks: readonly string[]
  readonly takes: 'file' | 'reference'
  /** Settings that reach it; each maybe not in all versions or with all values. */
  readonly honours: readonly string[]
  readonly metricsPath: string | null
}

export const engineFacts = (): readonly EngineFacts[] =>
  engines.map(({ name, about, tasks, takes, honours, metricsPath }) => ({
    name,
    about,
    tasks,
    takes,
    honours,
    metricsPath,
  }))
