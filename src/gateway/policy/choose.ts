import type { Random } from '../../core/random.ts'
import type { Choice, Policy, ReplicaView, RouteView, TargetView } from './policy.ts'

/**
 * Two at random, the one with fewer requests in flight wins: near the balance of "least loaded" without the herd
 * that forms when every gateway sends to the same least loaded replica (Mitzenmacher, "The power of two choices").
 * A deployment is drawn first, by weight among those that have an available replica.
 */
export const choosePowerOfTwo: Policy = (view, tried, random, target = -1) => {
  const fresh = pick(view, tried, random, target)
  if (fresh || tried.length === 0) return fresh
  const again = pick(view, [], random, target)
  return again && { replica: again.replica, reason: 'already-tried' }
}

function pick(
  view: RouteView,
  tried: readonly string[],
  random: Random,
  wanted: number,
): Choice | null {
  const own = wanted < 0 ? undefined : view.targets[wanted]
  const target = own && countUsable(view, own, tried) > 0 ? own : drawTarget(view, tried, random)
  if (!target) return null
  const count = countUsable(view, target, tried)
  const first = nthUsable(view, target, tried, Math.floor(random() * count))
  if (count === 1) return { replica: first, reason: 'only-one' }
  // Drawn from the others, so that both are never the same.
  const rank = Math.floor(random() * (count - 1))
  const other = nthUsable(view, target, tried, rank)
  const second = other >= first ? nthUsable(view, target, tried, rank + 1) : other
  const difference = view.replicas[first]!.inFlight - view.replicas[second]!.inFlight
  if (difference === 0) return { replica: first, reason: 'equal-load' }
  return { replica: difference < 0 ? first : second, reason: 'less-loaded' }
}

/** One that has an available replica, by weight; or `only`, if that has one. */
export function drawTarget(
  view: RouteView,
  tried: readonly string[],
  random: Random,
  only = view.targets.length === 1 ? view.targets[0]! : null,
): TargetView | null {
  if (only) return countUsable(view, only, tried) > 0 ? only : null
  let total = 0
  let last: TargetView | null = null
  for (const target of view.targets) {
    if (countUsable(view, target, tried) === 0) continue
    total += target.weight
    // One of weight 0 serves only while nothing else can.
    if (last === null || target.weight > 0) last = target
  }
  let mark = random() * total
  for (const target of view.targets) {
    if (target.weight === 0 || countUsable(view, target, tried) === 0) continue
    mark -= target.weight
    if (mark < 0) return target
  }
  return last
}

const isUsable = (replica: ReplicaView, tried: readonly string[]): boolean =>
  replica.isAvailable && (tried.length === 0 || !tried.includes(replica.id))

function countUsable(view: RouteView, target: TargetView, tried: readonly string[]): number {
  let count = 0
  for (let at = target.from; at < target.to; at++) if (isUsable(view.replicas[at]!, tried)) count++
  return count
}

function nthUsable(
  view: RouteView,
  target: TargetView,
  tried: readonly string[],
  rank: number,
): number {
  let left = rank
  for (let at = target.from; at < target.to; at++)
    if (isUsable(view.replicas[at]!, tried) && left-- === 0) return at
  return -1
}
