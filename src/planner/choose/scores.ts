import { AppError } from '../../core/errors.ts'
import type { ModelFacts } from '../model-facts.ts'
import { resolveModel } from '../models/resolve-model.ts'

export const tasks = ['chat', 'rag', 'code', 'classify'] as const
export type Task = (typeof tasks)[number]

/** What somebody measured of a model's answers. */
export interface Score {
  readonly model: string
  readonly task: Task
  /** ISO code; null: the benchmark is not of one language. */
  readonly language: string | null
  readonly benchmark: string
  readonly score: number
  readonly source: string
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

/** How good a model is at a task: the mean over benchmarks of its score over the best one there; null: no score. */
export interface Standing {
  readonly quality: number | null
  readonly scores: readonly Score[]
  /** Languages that were asked for and that no score of it speaks of. */
  readonly unknownLanguages: readonly string[]
}

export function standingOf(
  { name }: ModelFacts,
  task: Task,
  languages: readonly string[],
  all: readonly Score[],
): Standing {
  const relevant = all.filter(
    (one) =>
      one.task === task &&
      (one.language === null || languages.length === 0 || languages.includes(one.language)),
  )
  const scores = relevant.filter((one) => one.model === name)
  const shares = scores.map((one) => {
    const rivals = relevant.filter((other) => isSame(one, other)).map(({ score }) => score)
    return one.score / Math.max(...rivals, Number.MIN_VALUE)
  })
  return {
    quality:
      shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length,
    scores,
    unknownLanguages: languages.filter((code) => !scores.some(({ language }) => language === code)),
  }
}

const isSame = (a: Score, b: Score): boolean =>
  a.benchmark === b.benchmark && a.language === b.language

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
