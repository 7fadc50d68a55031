import { AppError } from '../../core/errors.ts'
import { resolveModel } from '../models/resolve-model.ts'

export const tasks = ['chat', 'rag', 'code', 'classify'] as const
export type Task = (typeof tasks)[number]

/** What somebody measured of a model's answers. */
export interface Score {
  readonly model: string
  readonly task: Task
  /** ISO code; null: the benchmark is not of one language. */
  readonly language: string | null
  /** The side of the task that it shows; absent: the usual one. */
  readonly facet?: string
  readonly benchmark: string
  /** Higher is better. */
  readonly score: number
  readonly source: string
  /** How it was measured, where the source says so. */
  readonly setting?: string
  /** What was measured, where that is not the model itself. */
  readonly as?: string
  /** It thought first. */
  readonly thinks?: boolean
}

/** Columns of a file of scores; `language` may be empty. */
export const scoreColumns = ['model', 'task', 'language', 'benchmark', 'score', 'source'] as const

/**
 * Reads scores from the cells of a table. A model that is not built in is passed over with a note. Errors:
 * `planner/bad-scores`.
 */
export function readScores(rows: readonly Readonly<Record<string, string | undefined>>[]): {
  readonly scores: readonly Score[]
  readonly notes: readonly string[]
} {
  const needed = scoreColumns.filter((name) => name !== 'language')
  const missing = needed.filter((name) => !(name in (rows[0] ?? {})))
  if (rows.length === 0 || missing.length > 0)
    throw bad(rows.length === 0 ? 'no rows' : `no column ${missing.join(', ')}`)
  const notes: string[] = []
  const scores = rows.flatMap((cells, at): Score[] => {
    const text = (name: (typeof scoreColumns)[number]) => (cells[name] ?? '').trim()
    // A row of the template that nobody has filled in.
    if (text('score') === '' && text('source') === '') return []
    const task = text('task').toLowerCase()
    const score = Number(text('score'))
    const where = `row ${at + 1}`
    if (!(tasks as readonly string[]).includes(task))
      throw bad(`${where}: "${task}" is none of ${tasks.join(', ')}`)
    if (text('score') === '' || !(score >= 0) || !Number.isFinite(score))
      throw bad(`${where}: "${text('score')}" is no score`)
    if (text('source') === '')
      throw bad(`${where}: a score without a source is worth nothing; name where it was published`)
    if (text('benchmark') === '') throw bad(`${where}: which benchmark?`)
    const model = resolveModel(text('model'))
    if (!model) notes.push(`${where}: no model "${text('model')}" is built in: passed over`)
    return model
      ? [
          {
            model: model.name,
            task: task as Task,
            language: text('language').toLowerCase() || null,
            benchmark: text('benchmark'),
            score,
            source: text('source'),
          },
        ]
      : []
  })
  return { scores, notes }
}

/** A file of scores to fill in: every model in every language. */
export const scoreTemplate = (
  models: readonly string[],
  task: Task,
  languages: readonly string[],
): string =>
  [
    scoreColumns.join(','),
    ...models.flatMap((model) =>
      (languages.length > 0 ? languages : ['']).map(
        (language) => `${model},${task},${language},,,`,
      ),
    ),
    '',
  ].join('\n')

const bad = (message: string) =>
  new AppError('planner/bad-scores', { message: `scores: ${message}` })
