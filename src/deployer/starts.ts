import type { Conditions, Known } from './conditions.ts'
import type { Launch } from './launch.ts'
import type { Nodes } from './nodes.ts'
import { assign, type StartWish } from './policy/assign.ts'
import { shareOf } from './policy/placement/demand.ts'
import type { Claim } from './policy/placement/node.ts'
import type { ReplicaSet } from './replica-set.ts'

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

/** Replicas that one look finds places for. */
const startsMax = 100

export function createStarts(deps: {
  readonly set: ReplicaSet
  readonly nodes: Nodes
  conditions(): Pick<Conditions, 'specOf'>
}): Starts {
  const { set, nodes } = deps
  const noRoom = new Map<string, string>()

  /** What each replica holds until it is gone. */
  const claims = (): Claim[] =>
    set.all().flatMap(({ id, deployment, node, devices, phase }) => {
      if (node === null) return []
      const spec = deps.conditions().specOf(deployment)
      const share = spec ? shareOf(spec) : null
      const isGoing = phase === 'leaving' || phase === 'stopping'
      const priority = spec?.priority ?? 0
      return [{ replica: id, deployment, priority, node, devices, share, isGoing }]
    })

  return {
    noRoom,
    begin(wishes) {
      noRoom.clear()
      if (wishes.length === 0) return true
      const held = new Set(set.all().flatMap(({ devices }) => devices))
      const places = nodes.places(held)
      const runtimeOf = new Map(places.map(({ name, cluster }) => [name, cluster]))
      // What matters most first; the rest comes with the next look, so that no look takes long.
      const now = wishes
        .toSorted((a, b) => b.spec.priority - a.spec.priority)
        .slice(0, startsMax)
        .map((wish) => ({ ...wish, isPlayed: launchFor(wish)?.usesDevices === false }))
      const { placed, refused, evicted } = assign(now, places, claims())
      for (const { wish, node, devices, reason } of placed) {
        const { wanted } = wish.known
        const isNewest = wish.start.of === 'newest'
        const chosen = launchFor(wish)
        if (!chosen) continue
        set.start({
          deployment: wish.start.deployment,
          revision: isNewest ? wanted.revision : (wanted.rollout?.from?.revision ?? 0),
          launch: chosen,
          place: { runtime: runtimeOf.get(node) ?? null, node },
          devices,
          reason: `${wish.start.reason}; ${reason}`,
        })
      }
      for (const [name, reason] of refused) noRoom.set(name, reason)
      for (const [id, reason] of evicted) set.leave(id, reason)
      return now.length === wishes.length
    },
  }
}
