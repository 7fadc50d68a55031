import { countParameters, type ModelFacts } from '../model-facts.ts'
import type { Candidate } from '../search/candidate.ts'
import { plan } from '../search/plan.ts'
import { valueOf } from '../search/operate.ts'
import type { Request } from '../search/screen.ts'
import { licenceOf } from './licence.ts'
import { type Score, type Standing, standingOf, type Task } from './scores.ts'

export interface Wish {
  readonly task: Task
  readonly languages: readonly string[]
  readonly scores: readonly Score[]
  /** Everything of a plan but the model. */
  readonly request: Omit<Request, 'model'>
}

/** A model with the best way to run it on these devices. */
export interface Choice {
  readonly model: ModelFacts
  readonly parametersB: number
  readonly licence: string | null
  readonly standing: Standing
  readonly candidate: Candidate
  readonly e2eMsP95: number
  /** Higher is better; comparable among models that have a score, and among those that have none. */
  readonly value: number
}

export interface Chosen {
  readonly choices: readonly Choice[]
  /** Models that these devices don't run within the limits, with the reason. */
  readonly passedOver: readonly { readonly model: string; readonly reason: string }[]
  readonly isScored: boolean
}

/** A tenth more quality is worth nearly half more cost. */
export const qualityExponent = 4

/** Plans every model on the devices and ranks them: those with a score first, by quality⁴ ÷ (cost × latency). */
export function choose(models: readonly ModelFacts[], wish: Wish): Chosen {
  const choices: Choice[] = []
  const passedOver: { model: string; reason: string }[] = []
  for (const model of models) {
    const found = plan({ ...wish.request, model })
    const [candidate] = found.candidates
    if (candidate && found.status === 'meets') choices.push(choiceOf(model, candidate, wish))
    else
      passedOver.push({
        model: model.name,
        reason: found.reasons[0] ?? 'it does not keep the limits',
      })
  }
  choices.sort(
    (a, b) =>
      Number(b.standing.quality !== null) - Number(a.standing.quality !== null) ||
      b.value - a.value,
  )
  return {
    choices,
    passedOver,
    isScored: choices.some(({ standing }) => standing.quality !== null),
  }
}

function choiceOf(model: ModelFacts, candidate: Candidate, wish: Wish): Choice {
  const { task, languages, scores } = wish
  const standing = standingOf(model, task, languages, scores)
  const e2eMsP95 = valueOf(candidate.operating, { figure: 'e2e', statistic: 'p95' })
  // Without a price, device hours stand for cost: all run on the same kinds of devices.
  const cost =
    candidate.usdPerMillionTokens ?? candidate.settings.devices / candidate.outputTokensPerSecond
  const quality = (standing.quality ?? 1) ** qualityExponent
  return {
    model,
    parametersB: countParameters(model).total / 1e9,
    licence: licenceOf(model.repo),
    standing,
    candidate,
    e2eMsP95,
    value: quality / (cost * e2eMsP95),
  }
}
