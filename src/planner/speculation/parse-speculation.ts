import { AppError } from '../../core/errors.ts'
import type { ModelFacts } from '../model-facts.ts'
import { tokensPerStep } from './acceptance.ts'
import { chain, type DraftMethod, draftMethods, type Speculation } from './speculation.ts'

/** `auto`: what is published for the model; null: none. */
export type SpeculationChoice = 'auto' | Speculation | null

/**
 * "off", "auto", "mtp", "eagle:tokens=3,acceptance=0.7", "draft:model=llama-3.2-1b,tokens=4,acceptance=0.75",
 * "eagle:tokens=4,width=4,verified=16,acceptance=0.6", "ngram:tokens=5,acceptance=0.4". Errors: `planner/bad-request`.
 */
export function parseSpeculation(
  text: string,
  modelNamed: (name: string) => ModelFacts | null,
): SpeculationChoice {
  const word = text.trim()
  if (word === 'off') return null
  if (word === 'auto') return 'auto'
  const [name = '', rest = ''] = word.split(/:(.*)/s)
  if (!(draftMethods as readonly string[]).includes(name))
    throw bad(`"${name}" is none of off, auto, ${draftMethods.join(', ')}`)
  const method = name as DraftMethod
  const given = new Map(
    rest
      .split(',')
      .filter((pair) => pair.trim() !== '')
      .map((pair) => {
        const [key = '', value = ''] = pair.split(/=(.*)/s)
        if (!known.includes(key.trim())) throw bad(`"${key}" is none of ${known.join(', ')}`)
        return [key.trim(), value.trim()] as const
      }),
  )
  const number = (key: string, least: number, most: number): number | null => {
    const told = given.get(key)
    if (told === undefined) return null
    const value = Number(told)
    if (!(value >= least && value <= most))
      throw bad(`${key} is from ${least} to ${most}, not "${told}"`)
    return value
  }
  const whole = (key: string, most: number) => {
    const value = number(key, 1, most)
    return value === null ? null : Math.round(value)
  }
  const acceptance = number('acceptance', 0, 1)
  if (acceptance === null)
    throw bad(
      'acceptance is missing: the share of guesses that are right, as your engine reports it',
    )
  const depth = whole('tokens', 16) ?? 3
  const width = whole('width', 16) ?? 1
  const shape = width === 1 ? chain(depth) : { depth, width, verified: 1 + depth * width }
  const model = modelOf(method, given.get('model'), modelNamed)
  return {
    method,
    ...shape,
    verified: whole('verified', 257) ?? shape.verified,
    acceptance,
    model,
    weights: model?.repo ?? given.get('model') ?? null,
    source: 'as given',
  }
}

function modelOf(
  method: DraftMethod,
  name: string | undefined,
  modelNamed: (name: string) => ModelFacts | null,
): ModelFacts | null {
  if (method !== 'draft') return null
  if (name === undefined) throw bad('model is missing: what drafts, like draft:model=llama-3.2-1b')
  const found = modelNamed(name)
  if (!found) throw bad(`no model "${name}" is known to draft with`)
  return found
}

const known = ['tokens', 'width', 'verified', 'acceptance', 'model']

/** "eagle, 3 guesses, 2.3 tokens a step" */
export const speculationName = (speculation: Speculation): string =>
  `${speculation.method}, ${speculation.verified - 1} guess${speculation.verified === 2 ? '' : 'es'}, ${tokensPerStep(speculation).toFixed(1)} tokens a step`

const bad = (message: string) =>
  new AppError('planner/bad-request', {
    message: `speculation: ${message}`,
    hint: 'Write --speculative off, auto, or eagle:tokens=3,acceptance=0.7.',
  })
