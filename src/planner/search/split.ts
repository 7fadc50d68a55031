import { groupName } from '../workload/fleet.ts'
import type { Candidate } from './candidate.ts'
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
 * first, up to what it can carry. Empty where one type is enough or no other can help.
 */
export function splitRate(request: Request, candidates: readonly Candidate[]): Split[] {
  const { fleet, rateRps, objective } = request
  if (fleet.length < 2) return []
  const best = candidates[0]
  if (rateRps !== null && best?.meetsSlo && objective !== 'throughput') return []
  const parts = fleet.flatMap((group) => {
    const own = candidates
      .filter(({ settings, mostRps }) => settings.device === groupName(group) && mostRps > 0)
      .sort((a, b) => b.mostRps - a.mostRps)[0]
    if (!own) return []
    const replicas = Math.max(1, Math.floor(affordable(request, group) / own.copy.ranks))
    return [{ candidate: own, replicas, each: own.mostRps / replicas }]
  })
  parts.sort(
    (a, b) => expectedScore(a.candidate, objective) - expectedScore(b.candidate, objective),
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
  return chosen.map((part) => ({ ...part, weight: Number((part.rps / total).toFixed(3)) }))
}
