import type { Score, Task } from '../scores.ts'

/** One place where evaluations of many models are published: all its rows of a benchmark were measured alike. */
export interface Board {
  readonly title: string
  readonly publisher: string
  readonly year: number
  readonly url: string
  /** What was read, and in which state. */
  readonly read: string
  /** How it was measured. */
  readonly setting: string
  readonly benchmarks: readonly {
    readonly name: string
    readonly task: Task
    readonly language: string | null
    /** Another side of the task than the rest: who is good at one need not be at the other. */
    readonly facet?: string
  }[]
  readonly rows: readonly {
    readonly model: string
    /** What was measured, where that is not the model itself: its chat tune, a later version of its weights. */
    readonly as?: string
    /** It wrote down its thoughts before the answer. */
    readonly thinks?: boolean
    /** One for each benchmark, higher is better. */
    readonly scores: readonly (number | null)[]
  }[]
}

export const sourceOf = ({ title, publisher, year, url }: Board): string =>
  `${title}, ${publisher}, ${year}, ${url}`

/** The scores of a board for one task. */
export const scoresOf = (board: Board, task: Task): Score[] =>
  board.benchmarks.flatMap((benchmark, at) =>
    benchmark.task === task
      ? board.rows.flatMap(({ model, as, thinks = false, scores }): Score[] => {
          const score = scores[at] ?? null
          return score === null
            ? []
            : [
                {
                  model,
                  task,
                  language: benchmark.language,
                  ...(benchmark.facet === undefined ? {} : { facet: benchmark.facet }),
                  benchmark: benchmark.name,
                  score,
                  source: sourceOf(board),
                  setting: board.setting,
                  ...(as === undefined ? {} : { as }),
                  thinks,
                },
              ]
        })
      : [],
  )
