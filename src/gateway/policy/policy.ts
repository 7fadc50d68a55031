import type { Random } from '../../core/random.ts'

/** A replica as a policy sees it. The shell owns and changes it. */
export interface ReplicaView {
  readonly id: string
  /** Requests that this gateway has there now. */
  inFlight: number
  /** Whether its breaker lets a request through at this moment. */
  readonly isAvailable: boolean
}

/** Replicas of one deployment: `from` to `to` (exclusive) of the route's replicas. */
export interface TargetView {
  readonly weight: number
  readonly from: number
  readonly to: number
}

export interface RouteView {
  readonly replicas: readonly ReplicaView[]
  readonly targets: readonly TargetView[]
}

/** Why that one: a code, spelled out only when somebody looks. */
type ChoiceReason = 'only-one' | 'less-loaded' | 'equal-load' | 'already-tried'

export interface Choice {
  /** Index into the route's replicas. */
  readonly replica: number
  readonly reason: ChoiceReason
}

/**
 * Picks a replica for one request. `tried`: ids that this request has already failed on, to be avoided while there
 * is another. `target`: index of the target that the request belongs to, as long as one of it is available; −1: any.
 * Null: none is available.
 */
export type Policy = (
  view: RouteView,
  tried: readonly string[],
  random: Random,
  target?: number,
) => Choice | null
