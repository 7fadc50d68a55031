import type { DeploymentSpec } from '../../contract/deployment.ts'
import { demandOf, suits, type Demand } from './placement/demand.ts'
import { weightOf, type Claim, type PlaceNode } from './placement/node.ts'
import { place } from './placement/place.ts'
import type { Action } from './reconcile.ts'

export type Start = Extract<Action, { kind: 'start' }>

export interface PlacedStart<Wish> {
  readonly wish: Wish
  readonly node: string
  readonly devices: readonly string[]
  /** Why there. */
  readonly reason: string
}

export interface Assignments<Wish> {
  readonly placed: readonly PlacedStart<Wish>[]
  /** By deployment: why there is no room for another replica. */
  readonly refused: ReadonlyMap<string, string>
  /** Replicas of lower priority that have to go, so that there is room the next time. */
  readonly evicted: ReadonlyMap<string, string>
}

export interface StartWish {
  readonly start: Start
  readonly spec: DeploymentSpec
  /** The hardware of the spec is only played. */
  readonly isPlayed?: boolean
}

/** Where what is to be started shall run. Whatever has no place may push out what matters less. */
export function assign<Wish extends StartWish>(
  wishes: readonly Wish[],
  nodes: readonly PlaceNode[],
  claims: readonly Claim[],
): Assignments<Wish> {
  const demands = new Map<Demand, Wish>(
    wishes.map((wish, at) => [demandFor(wish, `new ${at}`, nodes), wish]),
  )
  const { placed, unplaced } = place([...demands.keys()], nodes, claims)
  const refused = new Map<string, string>()
  const evicted = new Map<string, string>()
  for (const { demand, reason, wouldFree } of unplaced) {
    if (!refused.has(demand.deployment))
      refused.set(demand.deployment, reason + cureOf(demand, wouldFree))
    // One at a time: what the first one frees may do for the next as well.
    if (evicted.size > 0 || wouldFree.length === 0) continue
    if (wouldFree.some((claim) => weightOf(claim) >= demand.priority)) continue
    for (const { replica, priority } of wouldFree)
      evicted.set(
        replica,
        `makes room for ${demand.deployment} (priority ${demand.priority}, this one has ${priority})`,
      )
  }
  return {
    placed: placed.map(({ demand, claim, reason }) => ({
      wish: demands.get(demand)!,
      node: claim.node,
      devices: claim.devices,
      reason,
    })),
    refused,
    evicted,
  }
}

/** A change that finds no room beside what it replaces has to be allowed to go without it for a while. */
const cureOf = ({ deployment }: Demand, wouldFree: readonly Claim[]): string =>
  wouldFree.some((claim) => claim.deployment === deployment && claim.isOutdated && !claim.isGoing)
    ? ': that is an older one of its own, which may go first with `rollout.unavailable: 1`'
    : ''

/** What plays hardware claims played devices where a node has such, so that placement is rehearsed, too; else none. */
function demandFor(
  { spec, isPlayed = false }: StartWish,
  replica: string,
  nodes: readonly PlaceNode[],
): Demand {
  const demand = { ...demandOf(spec, replica), isPlayed }
  const isKnown = (): boolean =>
    nodes.some(({ devices }) => devices.some((device) => suits(demand, device)))
  return isPlayed && !isKnown() ? { ...demand, accelerator: null, count: 0, share: null } : demand
}
