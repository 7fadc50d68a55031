import type { Autoscaler } from './autoscaler.ts'

export interface TargetScaling {
  readonly min: number
  readonly max: number
  /** Requests in flight that one replica should have. */
  readonly inFlight: number
  readonly intervalMs: number
  /** Replicas go once fewer have been enough for this long. */
  readonly downAfterMs: number
}

/** Within this of the target nothing is done. */
const tolerance = 0.1

/**
 * As many replicas as bring the requests in flight to a target each, as the Kubernetes HorizontalPodAutoscaler counts:
 * up at once, within a tenth not at all, down to the most that was wanted within the window.
 */
export function createTargetScaler(rule: TargetScaling): Autoscaler {
  const wishes: { readonly atMs: number; readonly replicas: number }[] = []
  return {
    intervalMs: rule.intervalMs,
    decide({ nowMs, ready, starting, running, waiting }) {
      const inFlight = running + waiting
      const now = ready + starting
      const isNear = now > 0 && Math.abs(inFlight / now / rule.inFlight - 1) <= tolerance
      const wished = isNear ? now : Math.ceil(inFlight / rule.inFlight)
      const bounded = Math.min(rule.max, Math.max(rule.min, wished))
      wishes.push({ atMs: nowMs, replicas: bounded })
      while (wishes[0] && wishes[0].atMs < nowMs - rule.downAfterMs) wishes.shift()
      const lately = Math.max(...wishes.map(({ replicas }) => replicas))
      const replicas = bounded >= now ? bounded : Math.min(now, lately)
      return {
        replicas: Math.min(rule.max, Math.max(rule.min, replicas)),
        reason: `${inFlight} in flight over ${rule.inFlight} each: ${bounded}`,
      }
    },
  }
}
