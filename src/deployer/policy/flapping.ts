/**
 * How often a node was lost lately, as routers damp routes that come and go (RFC 2439): each loss adds 1, time halves
 * it. One that reaches the limit gets nothing new until it has been quiet long enough.
 */
export interface Flapping {
  readonly penalty: number
  readonly atMs: number
  readonly isDamped: boolean
}

const halfLifeMs = 5 * 60_000
const penaltyMax = 4
const damped = 2
const reused = 0.75

const penaltyAt = ({ penalty, atMs }: Flapping, nowMs: number): number =>
  penalty * 2 ** (-(nowMs - atMs) / halfLifeMs)

export function afterLoss(before: Flapping | undefined, nowMs: number): Flapping {
  const penalty = Math.min(penaltyMax, (before ? penaltyAt(before, nowMs) : 0) + 1)
  return { penalty, atMs: nowMs, isDamped: before?.isDamped === true || penalty >= damped - 0.1 }
}

/** Milliseconds until it is trusted again. 0: it is. */
export function mistrustedMs(flapping: Flapping | undefined, nowMs: number): number {
  if (!flapping?.isDamped) return 0
  const penalty = penaltyAt(flapping, nowMs)
  return penalty <= reused ? 0 : halfLifeMs * Math.log2(penalty / reused)
}
