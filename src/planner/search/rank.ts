import type { Situation } from '../../core/engine-model.ts'
import type { LatencyAim, SloTarget } from '../workload/slo.ts'
import type { Candidate, Objective } from './candidate.ts'
import { barsOf, commonSituation, expectedOver } from './certainty.ts'
import { valueOf } from './operate.ts'

/** What `latency` looks at where nobody says. */
export const usualAim: LatencyAim = { figure: 'e2e', statistic: 'p95' }

/** Smaller is better. */
export function score(
  candidate: Candidate,
  objective: Objective,
  aim: LatencyAim = usualAim,
): number {
  return (
    plainScore(candidate, objective, aim) *
    (objective === 'throughput' ? 1 / doubt(candidate) : doubt(candidate))
  )
}

function plainScore(candidate: Candidate, objective: Objective, aim: LatencyAim): number {
  switch (objective) {
    case 'cost': {
      // Where nobody knows a price, the fewest devices for the work.
      const cost =
        candidate.usdPerMillionTokens ??
        candidate.settings.devices / candidate.outputTokensPerSecond
      return cost * (1 + hasteWorth * patience(p95(candidate)))
    }
    case 'latency':
      return valueOf(candidate.operating, aim)
    case 'throughput':
      return -candidate.mostRps || -candidate.servedRps
    case 'energy':
      return candidate.joulesPerToken ?? Number.MAX_VALUE
    case 'quality':
      return (candidate.quality.loss ?? 1) * 1e6 + (candidate.usdPerMillionTokens ?? 0)
  }
}

/** A fiftieth of the price is worth a much faster answer. */
const hasteWorth = 0.02
const patience = (ms: number): number => ms / (ms + 10_000)

/** Few runs with pipeline stages were ever published: they have to be better by a tenth. */
const doubt = ({ copy }: Candidate): number => (copy.layout.pp > 1 ? 1.1 : 1)

/**
 * The score that is to be expected, not the likeliest: by Little's law cost, energy and time for all are off by what E2E is
 * off by. Candidates are ranked by it, so that none comes first by a guess. `situation`: what all of them are judged in.
 */
export function expectedScore(
  candidate: Candidate,
  objective: Objective,
  situation: Situation,
  aim: LatencyAim = usualAim,
): number {
  const plain = score(candidate, objective, aim)
  if (objective === 'quality') return plain
  const bars = barsOf(candidate, situation)
  const times = expectedOver(objective === 'latency' ? bars[aim.figure] : bars.e2e)
  return objective === 'throughput' ? plain / times : plain * times
}

/** How far the worst limit is missed: 1 is met exactly. */
export const worstMiss = ({ operating }: Candidate, slo: readonly SloTarget[]): number =>
  Math.max(0, ...slo.map((target) => valueOf(operating, target) / target.limitMs))

/** Those that keep the limits first, best objective first; then those that miss them least. */
export function ranked(
  candidates: readonly Candidate[],
  objective: Objective,
  slo: readonly SloTarget[],
  aim: LatencyAim = usualAim,
): Candidate[] {
  const able = candidates.filter(({ meetsSlo }) => meetsSlo)
  const situation = commonSituation(able.length > 0 ? able : candidates)
  const keyed = candidates.map((candidate) => ({
    candidate,
    isShort: candidate.meetsSlo ? 0 : candidate.mostRps > 0 ? 1 : 2,
    score: candidate.meetsSlo
      ? expectedScore(candidate, objective, situation, aim)
      : candidate.mostRps > 0
        ? -candidate.mostRps
        : worstMiss(candidate, slo),
  }))
  return keyed
    .sort((a, b) => a.isShort - b.isShort || a.score - b.score)
    .map(({ candidate }) => candidate)
}

/** Nobody else is at once cheaper, faster and truer to the model. */
export function pareto(candidates: readonly Candidate[]): Candidate[] {
  const axes = candidates
    .filter(({ meetsSlo }) => meetsSlo)
    .map((candidate) => ({
      candidate,
      cost: score(candidate, 'cost'),
      latency: p95(candidate),
      loss: candidate.quality.loss ?? 1,
    }))
    .sort((a, b) => a.cost - b.cost || a.latency - b.latency || a.loss - b.loss)
  const front: typeof axes = []
  for (const one of axes)
    if (!front.some((other) => other.latency <= one.latency && other.loss <= one.loss))
      front.push(one)
  return front.map(({ candidate }) => candidate)
}

const p95 = ({ operating }: Candidate): number => valueOf(operating, usualAim)
