import type { EngineModel } from '../../core/engine-model.ts'
import { countParameters, type ModelFacts } from '../model-facts.ts'
import type { Candidate } from '../search/candidate.ts'
import { plan } from '../search/plan.ts'
import { valueOf } from '../search/operate.ts'
import type { Request } from '../search/screen.ts'
import { type Licence, licenceOf } from './licence.ts'
import { qualityExponent, type Ranking } from './ranking.ts'
import type { Score } from './scores.ts'
import { type Question, type Standing, standings } from './standing.ts'

export interface Wish extends Omit<Question, 'thinking'> {
  readonly own: readonly Score[]
  readonly published: readonly Score[]
  /** Tokens that a model writes down before its answer where it thinks first; null: nobody said how many. */
  readonly thinkingTokens: number | null
  /** Least share of the best model's quality, uncertainty aside; 0 takes models without a score as well. */
  readonly qualityMin: number
  readonly ranking: Ranking
  /** Everything of a plan but the model. */
  readonly request: Omit<Request, 'model'>
  /** By name of a model: the engines that take it, where not all do. */
  readonly engines?: ReadonlyMap<string, readonly EngineModel[]>
}

/** A model with the best way to run it on these devices. */
export interface Choice {
  readonly model: ModelFacts
  readonly parametersB: number
  readonly licence: Licence | null
  readonly standing: Standing
  readonly candidate: Candidate
  readonly e2eMsP95: number
  /** Null where no price is known. */
  readonly usdPerThousandRequests: number | null
  /** Higher is better; comparable within a rank of evidence. */
  readonly value: number
  /** No other here is better in quality, cost and latency at once. */
  readonly isUnbeaten: boolean
}

export interface Chosen {
  readonly choices: readonly Choice[]
  /** Models that these devices don't run within the limits or that are not good enough, with the reason. */
  readonly passedOver: readonly { readonly model: string; readonly reason: string }[]
  readonly isScored: boolean
}

/**
 * Plans every model on the devices and ranks them, by quality⁸ ÷ (cost × latency) unless said, the best known first: by own scores,
 * by published ones in every language, in some, with thinking that nobody counted, not at all.
 */
export function choose(models: readonly ModelFacts[], wish: Wish): Chosen {
  const { thinkingTokens, request, own, published, qualityMin } = wish
  const known = standings(
    models.map(({ name }) => name),
    { ...wish, thinking: thinkingTokens !== null },
    own,
    published,
  )
  const choices: Merited[] = []
  const passedOver: { model: string; reason: string }[] = []
  for (const model of models) {
    const standing = known.get(model.name)!
    const reason = tooPoor(standing, qualityMin)
    if (reason !== null) {
      passedOver.push({ model: model.name, reason })
      continue
    }
    const asked = withThoughts(request, standing, thinkingTokens)
    const engines = wish.engines?.get(model.name) ?? asked.pinned.engines
    const found = plan({ ...asked, model, pinned: { ...asked.pinned, engines } })
    const [candidate] = found.candidates
    if (candidate && found.status === 'meets') choices.push(choiceOf(model, candidate, standing))
    else
      passedOver.push({
        model: model.name,
        reason: found.reasons[0] ?? 'it does not keep the limits',
      })
  }
  choices.sort(
    (a, b) =>
      evidence(b.standing, thinkingTokens) - evidence(a.standing, thinkingTokens) ||
      merits[wish.ranking](b) - merits[wish.ranking](a),
  )
  return {
    choices: choices.map((choice) => ({ ...choice, isUnbeaten: !choices.some(beats(choice)) })),
    passedOver,
    isScored: choices.some(({ standing }) => standing.quality !== null),
  }
}

type Merited = Omit<Choice, 'isUnbeaten'>

/** Higher is better. */
const merits: Readonly<Record<Ranking, (choice: Merited) => number>> = {
  value: ({ value }) => value,
  quality: ({ standing }) => standing.quality ?? 0,
  cost: (choice) => -costOf(choice),
  latency: ({ e2eMsP95 }) => -e2eMsP95,
}

function tooPoor({ quality }: Standing, qualityMin: number): string | null {
  if (qualityMin <= 0) return null
  if (quality === null) return 'nobody known has measured it for this'
  const percent = (share: number) => `${Math.round(share * 100)} %`
  return quality >= qualityMin
    ? null
    : `its quality is ${percent(quality)} of the best, below ${percent(qualityMin)}`
}

/** Thoughts are tokens like any other: they cost time and money before the answer comes. */
function withThoughts(
  request: Wish['request'],
  { thinks }: Standing,
  tokens: number | null,
): Wish['request'] {
  if (!thinks || !tokens) return request
  const { outputTokens } = request.workload
  return {
    ...request,
    workload: {
      ...request.workload,
      outputTokens: { ...outputTokens, mean: outputTokens.mean + tokens },
    },
  }
}

/** How much is known of a model: more comes first, whatever its value. */
function evidence(standing: Standing, thinkingTokens: number | null): number {
  if (standing.by === 'own') return 4
  if (standing.by === null) return 0
  if (standing.thinks && thinkingTokens === null) return 1
  return 2 + standing.known
}

function choiceOf(model: ModelFacts, candidate: Candidate, standing: Standing) {
  const e2eMsP95 = valueOf(candidate.operating, { figure: 'e2e', statistic: 'p95' })
  const { usdPerHour, servedRps, settings } = candidate
  const usdPerThousandRequests = usdPerHour === null ? null : usdPerHour / 3.6 / servedRps
  const cost = usdPerThousandRequests ?? settings.devices / servedRps
  const quality = (standing.quality ?? 1) ** qualityExponent
  return {
    model,
    parametersB: countParameters(model).total / 1e9,
    licence: licenceOf(model.repo),
    standing,
    candidate,
    e2eMsP95,
    usdPerThousandRequests,
    value: quality / (cost * e2eMsP95),
  }
}

const beats = (one: Merited) => (other: Merited) =>
  other !== one &&
  (other.standing.quality ?? 0) >= (one.standing.quality ?? 0) &&
  costOf(other) <= costOf(one) &&
  other.e2eMsP95 <= one.e2eMsP95 &&
  (other.standing.quality !== one.standing.quality || costOf(other) < costOf(one))

// Without a price, device hours stand for cost: all run on the same kinds of devices.
const costOf = ({ usdPerThousandRequests, candidate }: Merited): number =>
  usdPerThousandRequests ?? candidate.settings.devices / candidate.servedRps
