import type { Autoscaler, PoolFrame, ScalingDecision } from './autoscaler.ts'
import { type ScalingTargets, wishesOf } from './scaling-targets.ts'

export interface TargetScaling {
  readonly targets: ScalingTargets
  readonly min: number
  readonly max: number
  readonly intervalMs: number
  /** More only once they have been wanted for this long; 0: at once. */
  readonly upAfterMs: number
  /** Fewer only once fewer have been enough for this long. */
  readonly downAfterMs: number
  /** After a change nothing is done for this long, unless a pool at zero is woken. */
  readonly cooldownMs: number
  /** Most replicas to add in one decision. */
  readonly upMost: number
  /** With `min` 0: the last replica goes once nothing has been asked for this long. */
  readonly idleAfterMs: number
}

/**
 * Follows targets as the Kubernetes HorizontalPodAutoscaler does, with windows in both directions and a cooldown, and to
 * zero and back as KEDA does: the last one goes after a while without work, the first request brings it back.
 */
export function createTargetScaler(rule: TargetScaling): Autoscaler {
  const wishes: { readonly atMs: number; readonly replicas: number }[] = []
  const longestMs = Math.max(rule.upAfterMs, rule.downAfterMs)
  let changedMs = Number.NEGATIVE_INFINITY
  let firstMs: number | null = null
  return {
    intervalMs: rule.intervalMs,
    decide(frame) {
      const { nowMs } = frame
      firstMs ??= nowMs
      const now = frame.ready + frame.starting
      const wish = bounded(rule, frame)
      wishes.push({ atMs: nowMs, replicas: wish.replicas })
      while (wishes[0] && wishes[0].atMs < nowMs - longestMs) wishes.shift()
      const since = (ms: number) =>
        wishes.filter(({ atMs }) => atMs >= nowMs - ms).map(({ replicas }) => replicas)
      const keep = (why: string) => ({ replicas: now, reason: `${wish.reason}: ${why}` })
      const change = (replicas: number, note = '') => {
        changedMs = nowMs
        return { replicas, reason: `${wish.reason}${note}` }
      }
      if (wish.replicas === now) return keep(`${now} are right`)
      if (now === 0) return change(Math.min(wish.replicas, rule.upMost), ': woken from zero')
      if (nowMs < changedMs + rule.cooldownMs)
        return keep(
          `${wish.replicas} would do, cooling down until ${seconds(changedMs + rule.cooldownMs)}`,
        )
      if (wish.replicas > now) {
        const long = nowMs - firstMs >= rule.upAfterMs
        const least = long ? Math.min(...since(rule.upAfterMs)) : now
        if (least <= now)
          return keep(`${wish.replicas} wanted, not yet for ${seconds(rule.upAfterMs)}`)
        const more = Math.min(least, now + rule.upMost)
        return change(
          more,
          more < wish.replicas ? `: ${wish.replicas} wanted, ${more - now} at once` : '',
        )
      }
      const most = Math.min(now, Math.max(...since(rule.downAfterMs)))
      return most === now
        ? keep(`${wish.replicas} would do, not yet for ${seconds(rule.downAfterMs)}`)
        : change(
            most,
            most > wish.replicas ? `: ${most} wanted within ${seconds(rule.downAfterMs)}` : '',
          )
    },
  }
}

/** The largest wish within the bounds; to zero only after a while without work. */
function bounded(rule: TargetScaling, frame: PoolFrame): ScalingDecision {
  const [largest = { replicas: frame.ready + frame.starting, reason: 'nothing was measured' }] =
    wishesOf(rule.targets, frame)
  const isAsleep = frame.ready + frame.starting === 0
  const isIdle = frame.idleMs > 0 && (isAsleep || frame.idleMs >= rule.idleAfterMs)
  if (rule.min === 0 && isIdle)
    return { replicas: 0, reason: `nothing to do for ${seconds(frame.idleMs)}` }
  const least = Math.max(1, rule.min)
  if (largest.replicas > rule.max)
    return { replicas: rule.max, reason: `${largest.reason}, ${rule.max} at most` }
  if (largest.replicas < least)
    return { replicas: least, reason: `${largest.reason}, ${least} at least` }
  return largest
}

const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(1))} s`
