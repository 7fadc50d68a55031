import type { Clock } from '../core/clock.ts'
import type { Conditions, Known } from './conditions.ts'
import type { Launch } from './launch.ts'
import type { Nodes } from './nodes.ts'
import { assign, type StartWish } from './policy/assign.ts'
import { demandOf, shareOf } from './policy/placement/demand.ts'
import type { Claim, PlaceNode } from './policy/placement/node.ts'
import { spanOf } from './policy/placement/span.ts'
import type { ReplicaSet, StartWish as PlacedReplica } from './replica-set.ts'

export interface KnownWish extends StartWish {
  readonly known: Known
}

/** Finds places for what is to start, and starts it there. */
export interface Starts {
  /** False: some were left for the next look. */
  begin(wishes: readonly KnownWish[]): boolean
  /** By deployment: why another replica found no place. */
  readonly noRoom: ReadonlyMap<string, string>
}

const launchFor = ({ start, known }: KnownWish): Launch | null =>
  start.of === 'newest' ? known.launch : known.previous

const isSpanning = ({ spec }: KnownWish): boolean => spec.placement.nodes > 1

/** What runs on a node is in the inventory by then. */
const inventoryMs = 15_000
/** Replicas that one look finds places for. */
const startsMax = 100

export function createStarts(deps: {
  readonly set: ReplicaSet
  readonly nodes: Nodes
  readonly clock: Clock
  conditions(): Pick<Conditions, 'specOf'>
}): Starts {
  const { set, nodes, clock } = deps
  const noRoom = new Map<string, string>()

  /** What each replica holds until it is gone. */
  const claims = (newest: ReadonlyMap<string, string>): Claim[] =>
    set.all().flatMap((one) => {
      const { id, deployment, specHash, node, devices, phase, health, healthSinceMs } = one
      const spec = deps.conditions().specOf(deployment)
      const share = spec ? shareOf(spec) : null
      const isGoing = phase === 'leaving' || phase === 'stopping'
      const priority = spec?.priority ?? 0
      const isOutdated = (newest.get(deployment) ?? specHash) !== specHash
      const claim = { replica: id, deployment, priority, share, isGoing, isOutdated }
      if (spec === undefined || spec.placement.nodes === 1)
        return node === null ? [] : [{ ...claim, node, devices }]
      // Its runtime chose the nodes. Until they say themselves what of them is taken, as much is kept free.
      if (health === 'ready' && clock.monotonicMs() - healthSinceMs > inventoryMs) return []
      const byNode = Map.groupBy(devices, (device) => nodes.nodeOf(device) ?? '')
      return [...byNode].map(([name, some]) => ({ ...claim, node: name, devices: some }))
    })

  const begin = (
    wish: KnownWish,
    at: Pick<PlacedReplica, 'place' | 'devices' | 'span'>,
    why: string,
  ) => {
    const { start, known } = wish
    const launch = launchFor(wish)
    if (!launch) return
    const { wanted } = known
    const { revision } = start.of === 'newest' ? wanted : (wanted.rollout?.from ?? { revision: 0 })
    const reason = `${start.reason}; ${why}`
    const { labels, tolerates } = wish.spec.placement
    const rules = { labels, tolerates }
    const vendor = nodes.vendorOf(at.place.node, at.devices)
    set.start({ deployment: start.deployment, revision, launch, rules, vendor, ...at, reason })
  }

  /** Replicas of several nodes, whose runtime chooses them. Returns what has to be kept free for them. */
  const beginSpans = (
    wishes: readonly KnownWish[],
    places: readonly PlaceNode[],
    taken: readonly Claim[],
  ): readonly Claim[] => {
    const kept: Claim[] = []
    for (const wish of wishes) {
      const { deployment } = wish.start
      const span = spanOf(demandOf(wish.spec, deployment), places, [...taken, ...kept])
      if (typeof span === 'string') {
        noRoom.set(deployment, span)
        continue
      }
      const devices = span.claims.flatMap((claim) => claim.devices)
      const accelerators = nodes.requestOf(devices, span.claims.length)
      if (!accelerators) continue
      kept.push(...span.claims)
      const place = { runtime: span.cluster, node: null }
      begin(
        wish,
        { place, devices, span: { nodes: span.claims.length, accelerators } },
        span.reason,
      )
    }
    return kept
  }

  return {
    noRoom,
    begin(wishes) {
      noRoom.clear()
      if (wishes.length === 0) return true
      const newest = wishes.flatMap(({ known }) =>
        known.launch ? [[known.wanted.spec.name, known.launch.specHash] as const] : [],
      )
      const taken = claims(new Map(newest))
      const held = new Set(taken.flatMap(({ devices }) => devices))
      const places = nodes.places(held)
      const runtimeOf = new Map(places.map(({ name, cluster }) => [name, cluster]))
      // What matters most first; the rest comes with the next look, so that no look takes long.
      const now = wishes
        .toSorted((a, b) => b.spec.priority - a.spec.priority)
        .slice(0, startsMax)
        .map((wish) => ({ ...wish, isPlayed: launchFor(wish)?.usesDevices === false }))
      const [spanning, alone] = [now.filter(isSpanning), now.filter((one) => !isSpanning(one))]
      const kept = beginSpans(spanning, places, taken)
      const { placed, refused, evicted } = assign(alone, places, [...taken, ...kept])
      for (const { wish, node, devices, reason } of placed) {
        const place = { runtime: runtimeOf.get(node) ?? null, node }
        begin(wish, { place, devices }, reason)
      }
      for (const [name, reason] of refused) noRoom.set(name, reason)
      for (const [id, reason] of evicted) set.leave(id, reason)
      return now.length === wishes.length
    },
  }
}
