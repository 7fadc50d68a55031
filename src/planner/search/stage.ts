import { meetsTails, valueIn } from './operate.ts'
import type { Candidate } from './candidate.ts'
import type { Situation } from '../../core/engine-model.ts'
import { barsOf, commonSituation, expectedOver } from './certainty.ts'
import { expectedScore, usualAim } from './rank.ts'
import type { Rehearsal, Rehearse } from './rehearsal.ts'
import type { Request } from './screen.ts'
import { atRate, nearer } from './size.ts'

/** Candidates that are played: closed forms are close enough to leave the best among so many. */
const staged = 6
/** How many times others follow where too few on stage keep the limits. */
const waves = 3
/** A limit that is missed by less may have been missed by chance. */
const tolerance = 1.05
/** Answers that take so much longer than foreseen wait for one another: more comes than is served. */
const swamped = 2
/** How far a load is taken back at once, and how often. */
const retreat = 0.87
const retreats = 5

/**
 * Plays the first candidates and ranks them by what happened. Without a rate, the load goes back until the limits hold;
 * with one, whoever misses them stands behind those that keep them, and others are played in their place until `shown`
 * keep them, so that figures that are read beside one another were come by in the same way.
 */
export function onStage(
  request: Request,
  candidates: readonly Candidate[],
  rehearse: Rehearse,
  shown = 1,
): Candidate[] {
  const able = candidates.filter(({ meetsSlo }) => meetsSlo)
  const played: Candidate[] = []
  let keeping = 0
  while (played.length < Math.min(able.length, staged * waves)) {
    if (played.length >= staged && keeping >= shown) break
    const next = able[played.length]
    if (!next) break
    const one = play(request, next, rehearse)
    played.push(one)
    if (one.meetsSlo) keeping++
  }
  // Devices are compared by the best of each.
  const seen = new Set(played.map(({ settings }) => settings.device))
  const rest: Candidate[] = []
  for (const candidate of able.slice(played.length)) {
    const { device } = candidate.settings
    if (seen.has(device)) rest.push(candidate)
    else played.push(play(request, candidate, rehearse))
    seen.add(device)
  }
  rest.push(...candidates.filter(({ meetsSlo }) => !meetsSlo))
  const situation = commonSituation(able)
  const scored = new Map(played.map((one) => [one, playedScore(one, request, situation)]))
  played.sort((a, b) => Number(b.meetsSlo) - Number(a.meetsSlo) || scored.get(a)! - scored.get(b)!)
  const kept = played.filter(({ meetsSlo }) => meetsSlo)
  const missed = played.slice(kept.length)
  return kept.length > 0 ? [...kept, ...rest, ...missed] : [...missed, ...rest]
}

function play(request: Request, candidate: Candidate, rehearse: Rehearse): Candidate {
  const { rateRps, objective } = request
  const slo = request.slo.map((target) => nearer(target, candidate.site))
  if (rateRps === null && slo.length === 0 && objective === 'throughput')
    return { ...candidate, rehearsed: rehearse(candidate, request, null) }
  let current = candidate
  for (let attempt = 0; ; attempt++) {
    const rehearsed = rehearse(current, request, current.servedRps)
    const isSwamped =
      rehearsed.e2e.mean > swamped * current.operating.e2e.mean &&
      (rateRps === null || piledUp(rehearsed))
    const holds = !isSwamped && meetsTails(rehearsed, slo, tolerance)
    if (holds || rateRps !== null || attempt === retreats)
      return { ...current, rehearsed, meetsSlo: holds }
    current = slower({ ...request, slo }, current, retreat)
  }
}

/** The last answers end long after the last requests came: fewer are served than come. */
export const piledUp = ({ rateRps, requests, seconds }: Rehearsal): boolean =>
  rateRps !== null && seconds > late * (requests / rateRps)
const late = 1.25

function slower(request: Request, candidate: Candidate, factor: number): Candidate {
  const { usdPerHour, settings } = candidate
  const price = { usdPerHour: usdPerHour && usdPerHour / settings.devices, source: '' }
  return atRate(candidate, request, candidate.servedRps * factor, price)
}

/** Smaller is better. */
function playedScore(
  candidate: Candidate,
  { objective, aim = usualAim }: Request,
  situation: Situation,
): number {
  const { rehearsed } = candidate
  const bars = barsOf(candidate, situation)
  if (rehearsed && objective === 'latency')
    return valueIn(rehearsed, aim) * expectedOver(bars[aim.figure])
  if (rehearsed && objective === 'throughput' && rehearsed.rateRps === null)
    return rehearsed.seconds * expectedOver(bars.e2e)
  return expectedScore(candidate, objective, situation, aim)
}
