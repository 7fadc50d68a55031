import { groupName } from '../workload/fleet.ts'
import type { Candidate } from './candidate.ts'
import { commonSituation } from './certainty.ts'
import { expectedScore } from './rank.ts'
import { affordable, type Request } from './screen.ts'

/** Replicas on one type of device, and the share of the route's traffic that they take. */
export interface Split {
  readonly candidate: Candidate
  readonly replicas: number
  readonly rps: number
  /** Of all requests; weights of a route. */
  readonly weight: number
}

/**
 * Several types of devices under one rate, or all that they can do together: the type that serves best for the objective
 * first, up to what it can carry. Empty where no other can help, or one type is enough and hardly dearer.
 */
export function splitRate(request: Request, candidates: readonly Candidate[]): Split[] {
  const { fleet, rateRps, objective } = request
  if (fleet.length < 2) return []
  const best = candidates[0]
  const isEnough = rateRps !== null && best?.meetsSlo === true && objective !== 'throughput'
  if (isEnough && objective !== 'cost') return []
  const situation = commonSituation(candidates)
  const parts = fleet.flatMap((group) => {
    const own = candidates
      .filter(({ settings, mostRps }) => settings.device === groupName(group) && mostRps > 0)
      .sort((a, b) => b.mostRps - a.mostRps)[0]
    if (!own) return []
    const replicas = Math.max(1, Math.floor(affordable(request, group) / own.copy.ranks))
    return [{ candidate: own, replicas, each: own.mostRps / replicas }]
  })
  parts.sort(
    (a, b) =>
      expectedScore(a.candidate, objective, situation) -
      expectedScore(b.candidate, objective, situation),
  )
  let left = rateRps ?? Number.POSITIVE_INFINITY
  const chosen = parts.flatMap(({ candidate, replicas, each }) => {
    if (left <= 0) return []
    const needed = Math.min(replicas, Math.ceil(left / each - 1e-9))
    const rps = Math.min(left, needed * each)
    left -= rps
    return [{ candidate, replicas: needed, rps }]
  })
  const total = chosen.reduce((sum, { rps }) => sum + rps, 0)
  if (chosen.length < 2 || (left > 1e-6 && rateRps !== null)) return []
  if (isEnough && !(usdPerHour(chosen) < worthwhile * (best.usdPerHour ?? 0))) return []
  return chosen.map((part) => ({ ...part, weight: Number((part.rps / total).toFixed(3)) }))
}

/** Two types are more to look after than one: they have to be cheaper by so much. */
const worthwhile = 0.9

/** Infinite where a price is missing. */
const usdPerHour = (parts: readonly { candidate: Candidate; replicas: number }[]): number =>
  parts.reduce((sum, { candidate, replicas }) => {
    const { usdPerHour: all, settings } = candidate
    return sum + ((all ?? Infinity) / settings.replicas) * replicas
  }, 0)
