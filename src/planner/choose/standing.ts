import { abilities } from './ability.ts'
import type { Score, Task } from './scores.ts'

/** How good a model is at a task in the languages that were asked for. */
export interface Standing {
  /** Share of what the best one known would score there; null: nobody comparable has measured it. */
  readonly quality: number | null
  /** Standard error of the quality; null where it rests on own scores. */
  readonly error: number | null
  /** Whose scores decide. */
  readonly by: 'own' | 'published' | null
  /** Its scores are those of answers that it thought about first. */
  readonly thinks: boolean
  readonly scores: readonly Score[]
  /** Languages that were asked for and that none of its scores speaks of. */
  readonly unknownLanguages: readonly string[]
  /** Share of the groups of benchmarks (one a language, one without language) in which it is known. */
  readonly known: number
}

export interface Question {
  readonly task: Task
  /** ISO codes; none: English, and every language of own scores. */
  readonly languages: readonly string[]
  /** Take models as they are when they think first, where that is known. */
  readonly thinking: boolean
}

/**
 * Where each model stands. Own scores win: a model that has some is judged by them alone, as the mean over benchmarks of
 * its share of the best own score there. Any other is judged by published ones: the ability of whoever took them, in
 * each facet of the task and each language by itself, then the mean of the facets and of the languages.
 */
export function standings(
  models: readonly string[],
  question: Question,
  own: readonly Score[],
  published: readonly Score[],
): ReadonlyMap<string, Standing> {
  const asked = question.languages
  const relevantOwn = own.filter(
    ({ task, language }) =>
      task === question.task &&
      (language === null || asked.length === 0 || asked.includes(language)),
  )
  const wanted = asked.length === 0 ? ['en'] : asked
  const groups = [...Map.groupBy(published, ({ language }) => language)]
    .filter(([language]) => language === null || wanted.includes(language))
    .map(([, scores]) => ({ scores, qualities: qualities(scores) }))
  return new Map(
    models.map((model) => {
      const mine = relevantOwn.filter((score) => score.model === model)
      return [
        model,
        mine.length > 0
          ? byOwn(mine, relevantOwn, asked)
          : byPublished(model, groups, asked, question.thinking),
      ]
    }),
  )
}

const isSame = (a: Score, b: Score): boolean =>
  a.benchmark === b.benchmark && a.language === b.language

function byOwn(mine: readonly Score[], all: readonly Score[], asked: readonly string[]): Standing {
  const shares = mine.map((one) => {
    const rivals = all.filter((other) => isSame(one, other)).map(({ score }) => score)
    return one.score / Math.max(...rivals, Number.MIN_VALUE)
  })
  return {
    quality: shares.reduce((sum, share) => sum + share, 0) / shares.length,
    error: null,
    by: 'own',
    thinks: false,
    scores: mine,
    unknownLanguages: missing(mine, asked),
    known: 1,
  }
}

const missing = (scores: readonly Score[], asked: readonly string[]): string[] =>
  asked.filter((code) => !scores.some(({ language }) => language === code))

interface Group {
  readonly scores: readonly Score[]
  readonly qualities: ReadonlyMap<string, Placed>
}

const subjectOf = (model: string, thinks: boolean): string => (thinks ? `${model} thinking` : model)

interface Placed {
  readonly quality: number
  readonly error: number
}

/** Where a facet is not known of somebody, the mean of those of whom it is stands in, as unsure as they differ. */
function qualities(scores: readonly Score[]): Group['qualities'] {
  const facets = [...Map.groupBy(scores, ({ facet }) => facet).values()].map(inFacet)
  const subjects = new Set(facets.flatMap((facet) => [...facet.keys()]))
  const usual = facets.map(usualOf)
  return new Map(
    [...subjects].map((subject) => {
      const all = facets.map((facet, at) => facet.get(subject) ?? usual[at]!)
      const mean = (pick: (one: Placed) => number) =>
        all.reduce((sum, one) => sum + pick(one), 0) / all.length
      const error = Math.sqrt(mean((one) => one.error ** 2) / all.length)
      return [subject, { quality: mean(({ quality }) => quality), error }]
    }),
  )
}

function inFacet(scores: readonly Score[]): ReadonlyMap<string, Placed> {
  const found = abilities(
    scores.map(({ model, thinks = false, benchmark, score }) => ({
      subject: subjectOf(model, thinks),
      benchmark,
      score,
    })),
  )
  const best = Math.max(...[...found.values()].map(({ level }) => level))
  return new Map(
    [...found].map(([subject, { level, error }]) => [
      subject,
      { quality: Math.max(level / best, 0), error: error / best },
    ]),
  )
}

function usualOf(facet: ReadonlyMap<string, Placed>): Placed {
  const all = [...facet.values()].map(({ quality }) => quality)
  const quality = all.reduce((sum, one) => sum + one, 0) / all.length
  const variance = all.reduce((sum, one) => sum + (one - quality) ** 2, 0) / all.length
  return { quality, error: Math.sqrt(variance) }
}

function byPublished(
  model: string,
  groups: readonly Group[],
  asked: readonly string[],
  thinking: boolean,
): Standing {
  const of = (thinks: boolean) =>
    groups.flatMap(({ scores, qualities: found }) => {
      const quality = found.get(subjectOf(model, thinks))
      const mine = scores.filter(
        (score) => score.model === model && (score.thinks ?? false) === thinks,
      )
      return quality ? [{ mine, ...quality }] : []
    })
  const first = of(thinking)
  const thinks = first.length > 0 ? thinking : !thinking
  const found = first.length > 0 ? first : of(thinks)
  const scores = found.flatMap(({ mine }) => mine)
  const mean = (pick: (one: (typeof found)[number]) => number) =>
    found.reduce((sum, one) => sum + pick(one), 0) / found.length
  if (found.length === 0)
    return {
      quality: null,
      error: null,
      by: null,
      thinks: false,
      scores: [],
      unknownLanguages: asked,
      known: 0,
    }
  return {
    quality: mean(({ quality }) => quality),
    error: Math.sqrt(mean(({ error }) => error ** 2) / found.length),
    by: 'published',
    thinks,
    scores,
    unknownLanguages: missing(scores, asked),
    known: found.length / groups.length,
  }
}
