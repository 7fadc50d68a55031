import type { RolloutSpec } from '../../../contract/rollout.ts'
import { formatDurationMs, parseDurationMs } from '../../../core/units.ts'

/** How far the newest revision has come, as the store keeps it. */
export interface Progress {
  readonly step: number
  readonly bakingSinceMs: number | null
  readonly paused: string | null
}

/** How many replicas of each revision are wanted, and who gets the traffic. */
export interface Split {
  readonly next: number
  readonly prev: number
  /** Share of the traffic of the new revision. Null: by the number of replicas that are ready. */
  readonly share: number | null
  readonly isCohortOn: boolean
}

/** Null: all is the newest revision's, replica by replica. */
export function splitOf(
  spec: RolloutSpec,
  replicas: number,
  progress: Progress | null,
): Split | null {
  if (!progress || replicas === 0) return null
  // A pause keeps the new revision for a look, without traffic.
  if (progress.paused !== null) return { next: 1, prev: replicas, share: 0, isCohortOn: false }
  const step = spec.steps[progress.step]
  if (!step) return null
  const next = Math.max(1, Math.ceil(replicas * step.share))
  const prev = Math.min(Math.ceil(replicas * (1 - step.share)), replicas + spec.surge - next)
  return { next, prev: Math.max(0, prev), share: step.share, isCohortOn: true }
}

export interface RolloutCondition {
  readonly spec: RolloutSpec
  readonly replicas: number
  readonly progress: Progress
  /** What would be started is what serves already. */
  readonly isSame: boolean
  /** There is something to go back to. */
  readonly hasPrevious: boolean
  readonly readyNext: number
  /** Replicas of anything else that have not left yet. */
  readonly others: number
  /** Starts of the new revision that failed in a row, and why the last one did. */
  readonly failures: number
  readonly failureReason: string
  /** Why the new revision is worse. Null: nothing proves it. */
  readonly verdict: string | null
  /** Requests that the new revision has answered. */
  readonly requests: number
  /** Wall clock: a rollout outlives the process. */
  readonly nowMs: number
}

export type Move =
  | { readonly kind: 'wait'; readonly reason: string }
  | { readonly kind: 'progress'; readonly progress: Progress; readonly reason: string }
  | { readonly kind: 'promote'; readonly reason: string }
  | { readonly kind: 'roll-back'; readonly reason: string }

/** The next thing to do about a revision that takes over. */
export function advance(condition: RolloutCondition): Move {
  const { spec, replicas, progress, readyNext } = condition
  if (condition.isSame) return { kind: 'promote', reason: 'what runs is what is wanted' }
  if (replicas === 0) return { kind: 'promote', reason: 'nothing is to run' }
  if (progress.paused !== null) return { kind: 'wait', reason: `paused: ${progress.paused}` }
  const fault = faultOf(condition)
  if (fault !== null && condition.hasPrevious) {
    if (spec.onFailure === 'roll-back') return { kind: 'roll-back', reason: fault }
    return { kind: 'progress', progress: { ...progress, paused: fault }, reason: fault }
  }
  const step = condition.hasPrevious ? spec.steps[progress.step] : undefined
  if (step) return bake(condition, step)
  if (readyNext < replicas) return { kind: 'wait', reason: `${readyNext} of ${replicas} ready` }
  if (condition.others > 0)
    return { kind: 'wait', reason: `${condition.others} of the old ones still run` }
  return { kind: 'promote', reason: `${readyNext} of ${replicas} ready` }
}

function faultOf({ spec, failures, failureReason, readyNext, verdict }: RolloutCondition) {
  if (failures >= spec.failures && readyNext === 0)
    return `${failures} starts in a row failed: ${failureReason}`
  return verdict
}

function bake(condition: RolloutCondition, step: RolloutSpec['steps'][number]): Move {
  const { spec, replicas, progress, readyNext, requests, nowMs } = condition
  const needed = splitOf(spec, replicas, progress)?.next ?? replicas
  const where = `step ${progress.step + 1} of ${spec.steps.length}`
  if (readyNext < needed)
    return { kind: 'wait', reason: `${where}: ${readyNext} of ${needed} new ones ready` }
  if (progress.bakingSinceMs === null)
    return {
      kind: 'progress',
      progress: { ...progress, bakingSinceMs: nowMs },
      reason: `${where}: ${Math.round(step.share * 100)} % of the traffic`,
    }
  const bakeMs = parseDurationMs(step.bakeTime)
  const bakedMs = nowMs - progress.bakingSinceMs
  if (bakedMs < bakeMs)
    return {
      kind: 'wait',
      reason: `${where}: holds, ${formatDurationMs(bakeMs - bakedMs)} to go`,
    }
  if (requests < spec.gate.requests && bakedMs < 2 * bakeMs)
    return {
      kind: 'wait',
      reason: `${where}: ${requests} of ${spec.gate.requests} requests seen`,
    }
  return {
    kind: 'progress',
    progress: { step: progress.step + 1, bakingSinceMs: null, paused: null },
    reason: `${where}: ${requests} requests, nothing worse`,
  }
}
