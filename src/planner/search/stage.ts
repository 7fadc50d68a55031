import { priceOf } from '../cost/prices.ts'
import { meetsTails, valueIn } from './operate.ts'
import type { Candidate, Objective } from './candidate.ts'
import { score } from './rank.ts'
import type { Rehearsal, Rehearse } from './rehearsal.ts'
import type { Request } from './screen.ts'
import { atRate } from './size.ts'

/** Candidates that are played: closed forms are close enough to leave the best among so many. */
const staged = 6
/** A limit that is missed by less may have been missed by chance. */
const tolerance = 1.05
/** How far a load is taken back at once, and how often. */
const retreat = 0.87
const retreats = 5

/**
 * Plays the first candidates and ranks them by what happened. Without a rate, the load goes back until the limits hold;
 * with one, whoever misses them stands behind those that keep them.
 */
export function onStage(
  request: Request,
  candidates: readonly Candidate[],
  rehearse: Rehearse,
): Candidate[] {
  const first = candidates.slice(0, staged).filter(({ meetsSlo }) => meetsSlo)
  const played = first.map((candidate) => play(request, candidate, rehearse))
  const rest = candidates.slice(first.length)
  const keyed = played.map((candidate) => ({
    candidate,
    isShort: candidate.meetsSlo ? 0 : 1,
    score: playedScore(candidate, request.objective),
  }))
  keyed.sort((a, b) => a.isShort - b.isShort || a.score - b.score)
  const kept = keyed.map(({ candidate }) => candidate)
  const isAny = kept.some(({ meetsSlo }) => meetsSlo)
  // Nobody on stage kept the limits: those behind may not either, but nobody has seen it.
  return isAny ? [...kept, ...rest] : [...rest.filter(({ meetsSlo }) => meetsSlo), ...kept, ...rest.filter(({ meetsSlo }) => !meetsSlo)]
}

function play(request: Request, candidate: Candidate, rehearse: Rehearse): Candidate {
  const { slo, rateRps, objective } = request
  if (rateRps === null && slo.length === 0 && objective === 'throughput')
    return { ...candidate, rehearsed: rehearse(candidate, request, null) }
  let current = candidate
  for (let attempt = 0; ; attempt++) {
    const rehearsed = rehearse(current, request, current.servedRps)
    const holds = meetsTails(rehearsed, slo, tolerance)
    if (holds || rateRps !== null || attempt === retreats)
      return { ...current, rehearsed, meetsSlo: holds }
    current = slower(request, current, retreat)
  }
}

function slower(request: Request, candidate: Candidate, factor: number): Candidate {
  const price = priceOf(candidate.copy.layout.device, request.tenancy, request.prices)
  return atRate(candidate, request, candidate.servedRps * factor, price)
}

/** Smaller is better. */
function playedScore(candidate: Candidate, objective: Objective): number {
  const { rehearsed } = candidate
  if (!rehearsed) return score(candidate, objective)
  if (objective === 'latency') return latencyOf(rehearsed)
  if (objective === 'throughput' && rehearsed.rateRps === null) return rehearsed.seconds
  return score(candidate, objective)
}

const latencyOf = (rehearsed: Rehearsal): number =>
  valueIn(rehearsed, { figure: 'e2e', statistic: 'p95' })
