import type { RolloutSpec } from '../../../contract/rollout.ts'
import type { SloSpec } from '../../../contract/scaling.ts'
import { formatDurationMs, parseDurationMs } from '../../../core/units.ts'
import { lowerShare, upperShare } from './share-bounds.ts'
import { countOver, createTally, medianMs, type LatencyFigure, type Tally } from './tally.ts'

/** What has been seen of a rollout. */
export interface Evidence {
  readonly next: Tally
  readonly prev: Tally
  /**
   * What counts as slow: set once, from the old revision alone, before the new one is held against it. Null: not enough
   * of the old one was seen yet.
   */
  readonly slowMs: Record<'ttft' | 'whole', number | null>
}

export const createEvidence = (): Evidence => ({
  next: createTally(),
  prev: createTally(),
  slowMs: { ttft: null, whole: null },
})

interface Check {
  readonly name: string
  /** [hits, total] of the new and of the old revision. */
  readonly next: readonly [number, number]
  readonly prev: readonly [number, number]
  /** What the new one may have beyond the old one. */
  readonly margin: number
  /** What it may have in any case. */
  readonly floor: number
}

const seenMin = 30

/**
 * Whether the new revision is worse, with the certainty that the gate asks for however often this is called: bounds
 * that hold at all times for either revision, the chance of error shared by all checks. Null: nothing proves it.
 */
export function judge(
  evidence: Evidence,
  gate: RolloutSpec['gate'],
  slo: SloSpec | undefined,
): string | null {
  const { next, prev } = evidence
  for (const figure of ['ttft', 'whole'] as const) {
    const median = medianMs(prev, figure)
    if (evidence.slowMs[figure] === null && median !== null && prev.requests >= seenMin)
      evidence.slowMs[figure] = median * gate.slowdown
  }
  const checks = [
    errorCheck(next, prev, gate, slo),
    ...slowChecks(evidence),
    ...sloChecks(next, prev, slo),
  ]
  const chance = (1 - gate.confidence) / checks.length / 2
  for (const check of checks) {
    const least = lowerShare(...check.next, chance)
    const most = check.prev[1] === 0 ? 0 : upperShare(...check.prev, chance)
    if (least > Math.max(check.floor, most + check.margin))
      return `${check.name}: ${told(check.next)}, at least ${percent(least)}; ${against(check, most)} (${percent(gate.confidence)} certain)`
  }
  return null
}

/** Against the old revision where enough of it was seen, else against what was promised. */
function errorCheck(
  next: Tally,
  prev: Tally,
  gate: RolloutSpec['gate'],
  slo: SloSpec | undefined,
): Check {
  const isComparable = prev.requests >= seenMin
  return {
    name: 'requests fail',
    next: [next.failures, next.requests],
    prev: isComparable ? [prev.failures, prev.requests] : [0, 0],
    margin: gate.errors,
    floor: isComparable ? 0 : Math.max(gate.errors, 1 - (slo?.availability ?? 1)),
  }
}

/** More than half of its requests take longer than what is slow, and more than of the old one. */
function slowChecks({ next, prev, slowMs }: Evidence): Check[] {
  return (['ttft', 'whole'] as const).flatMap((figure): Check[] => {
    const limitMs = slowMs[figure]
    if (limitMs === null) return []
    const what = figure === 'ttft' ? 'first tokens' : 'answers in one piece'
    const name = `${what} after ${formatDurationMs(limitMs)}`
    return [{ ...over(next, prev, figure, limitMs), name, floor: 0.5 }]
  })
}

/** A limit on a percentile is one on the share above it. A mean has no such share and is not judged. */
function sloChecks(next: Tally, prev: Tally, slo: SloSpec | undefined): Check[] {
  return Object.entries(slo ?? {}).flatMap(([name, limit]): Check[] => {
    const [figure, statistic = ''] = name.split('.') as [LatencyFigure, string?]
    const rank = Number(/^p(\d+)$/.exec(statistic)?.[1])
    if (typeof limit !== 'string' || Number.isNaN(rank)) return []
    const check = over(next, prev, figure, parseDurationMs(limit))
    return [{ ...check, name: `${name} above ${limit}`, floor: 1 - rank / 100 }]
  })
}

function over(next: Tally, prev: Tally, figure: LatencyFigure, limitMs: number) {
  const pair = (tally: Tally): [number, number] => {
    const { over: hits, total } = countOver(tally, figure, limitMs)
    return [hits, total]
  }
  return { next: pair(next), prev: pair(prev), margin: 0 }
}

/** What it was held against: the old revision, or where too little was seen of it what is allowed in any case. */
const against = ({ prev, floor }: Check, most: number): string =>
  prev[1] === 0
    ? `${percent(floor)} may, and too little was seen of what ran before`
    : `before ${told(prev)}, at most ${percent(most)}`

const told = ([hits, total]: readonly [number, number]): string => `${hits} of ${total}`
const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`
