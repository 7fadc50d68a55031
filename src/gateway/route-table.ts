import { Pool } from 'undici'
import type { Clock } from '../core/clock.ts'
import type {
  Snapshot,
  SnapshotCohort,
  SnapshotKey,
  SnapshotPrefill,
  SnapshotReplica,
  SnapshotRoute,
} from '../contract/snapshot.ts'
import { createBreaker, isAvailable, type Breaker } from './policy/breaker.ts'
import type { PairProtocol } from '../engines/pairing.ts'
import type { PairedRoute, PairedView } from './policy/pair.ts'
import type { RouteView, TargetView } from './policy/policy.ts'
import { createPrefixIndex, type PrefixIndex } from './policy/prefix-index.ts'

/** A running engine as this gateway knows it: its connections, its breaker, its load. */
export interface Replica extends PairedView {
  readonly id: string
  readonly deployment: string
  readonly url: string
  /** What its URL has before the paths of the API, such as the route of an application of Ray Serve. Mostly empty. */
  readonly basePath: string
  readonly pool: Pool
  readonly breaker: Breaker
}

interface Target extends TargetView {
  readonly deployment: string
  readonly cohort: SnapshotCohort | null
  /** Null: its replicas read prompts themselves. */
  readonly prefill: Prefill | null
}

/** Who reads the prompts of a target, and how both are spoken to. */
export interface Prefill extends PairedRoute {
  readonly protocol: PairProtocol
  readonly replicas: readonly Replica[]
  readonly index: PrefixIndex
}

export interface Route extends RouteView {
  readonly name: string
  readonly task: 'generate' | 'embed'
  readonly createdS: number
  readonly replicas: readonly Replica[]
  /** By the id of a replica: what the model is called there. Null: by all as the client wrote it. */
  readonly servedNames: ReadonlyMap<string, string> | null
  readonly targets: readonly Target[]
  /** Some requests belong to one target of it. */
  readonly hasCohorts: boolean
  /** Prompts and answers have replicas of their own. */
  readonly isPaired: boolean
  /** Why nobody reads the prompts of what is ready. Null: somebody does, or nothing is ready. */
  readonly unread: string | null
  /** A request that finds nothing ready makes it start, and may wait so long. Null: as the config says. */
  readonly wakeMs: number | null
  /** Why nothing is ready, for the 503. */
  readonly reason: string
}

export interface RouteTable {
  /** False until the first snapshot. */
  readonly isLoaded: boolean
  readonly version: number
  readonly routes: ReadonlyMap<string, Route>
  readonly keys: ReadonlyMap<string, SnapshotKey>
  /** Replaces the whole view. What is running stays with the replica it went to. */
  apply(snapshot: Snapshot): void
  /** Resolves when every connection is closed. */
  close(): Promise<void>
}

const connectTimeoutMs = 5000
const lastWordsMs = 500

export function createRouteTable(
  clock: Clock,
  pairings: ReadonlyMap<string, PairProtocol> = new Map(),
): RouteTable {
  let routes: ReadonlyMap<string, Route> = new Map()
  let keys: ReadonlyMap<string, SnapshotKey> = new Map()
  let version = -1
  let known = new Map<string, Replica>()
  /** Of replicas that are listed no more and have requests in flight. */
  const leaving = new Map<string, Pool>()
  /** By route: they outlive snapshots, as the caches of engines do. */
  const prefixes = new Map<string, PrefixIndex>()

  function breakOff(id: string, reason: Error): void {
    void leaving.get(id)?.destroy(reason)
    leaving.delete(id)
  }

  function replicaOf(deployment: string, listed: SnapshotReplica): Replica {
    const present = known.get(listed.id)
    const isSame = present?.url === listed.url && present.deployment === deployment
    return isSame ? present : createReplica(deployment, listed, clock)
  }

  function addReplicas(
    deployment: string,
    listed: readonly SnapshotReplica[],
    next: Map<string, Replica>,
    to: Replica[],
  ): void {
    for (const replica of listed) {
      // A deployment can stand behind several routes; its replicas are the same.
      const shared = next.get(replica.id) ?? replicaOf(deployment, replica)
      next.set(replica.id, shared)
      to.push(shared)
    }
  }

  function prefillOf(
    route: string,
    listed: SnapshotPrefill | undefined,
    next: Map<string, Replica>,
  ): Prefill | null {
    const protocol = listed && pairings.get(listed.protocol)
    if (!protocol) return null
    const index = prefixes.get(route) ?? createPrefixIndex()
    prefixes.set(route, index)
    const replicas: Replica[] = []
    const targets = listed.groups.map((group) => {
      const from = replicas.length
      addReplicas(group.deployment, group.replicas, next, replicas)
      return { weight: group.weight, from, to: replicas.length }
    })
    return { protocol, replicas, targets, index }
  }

  function createRoute(listed: SnapshotRoute, next: Map<string, Replica>): Route {
    const replicas: Replica[] = []
    const servedNames = servedNamesIn(listed.targets)
    const targets = listed.targets.map((target) => {
      const from = replicas.length
      addReplicas(target.deployment, target.replicas, next, replicas)
      const { deployment, weight, cohort = null } = target
      const prefill = prefillOf(listed.name, target.prefill, next)
      return { deployment, weight, cohort, prefill, from, to: replicas.length }
    })
    const reason = listed.targets.map(({ reason: text }) => text).find((text) => text !== '')
    const { name, task, createdS, wakeMs = null } = listed
    return {
      name,
      task,
      createdS,
      wakeMs,
      replicas,
      servedNames,
      targets,
      hasCohorts: targets.some(({ cohort }) => cohort !== null),
      isPaired: targets.some(({ prefill }) => prefill !== null),
      unread: unreadReason(listed.targets),
      reason: reason ?? 'no replica is running',
    }
  }

  return {
    get isLoaded() {
      return version >= 0
    },
    get version() {
      return version
    },
    get routes() {
      return routes
    },
    get keys() {
      return keys
    },
    apply(snapshot) {
      const next = new Map<string, Replica>()
      const names = new Set(snapshot.routes.map(({ name }) => name))
      for (const name of prefixes.keys()) if (!names.has(name)) prefixes.delete(name)
      routes = new Map(snapshot.routes.map((route) => [route.name, createRoute(route, next)]))
      keys = new Map(snapshot.keys.map((key) => [key.hash, key]))
      version = snapshot.version
      const gone = [...known.values()].filter((replica) => next.get(replica.id) !== replica)
      known = next
      for (const { id, pool } of gone) {
        leaving.set(id, pool)
        // Graceful: what is in flight there goes on to its end.
        void pool.close().then(
          () => leaving.delete(id),
          () => leaving.delete(id),
        )
      }
      // Nothing will ever come from there: who waits is sent elsewhere while nothing has come yet.
      for (const id of snapshot.lost ?? []) breakOff(id, new Error('the node is lost'))
      // What it has said is read first. Its machine may be gone too, and then no connection breaks.
      for (const id of snapshot.ended ?? [])
        if (leaving.has(id))
          setTimeout(() => breakOff(id, new Error('the engine has ended')), lastWordsMs).unref()
    },
    async close() {
      await Promise.all([...known.values()].map(({ pool }) => pool.destroy()))
    },
  }
}

function servedNamesIn(targets: SnapshotRoute['targets']): ReadonlyMap<string, string> | null {
  const names = targets
    .flatMap(({ replicas, prefill }) => [
      ...replicas,
      ...(prefill?.groups.flatMap((group) => group.replicas) ?? []),
    ])
    .flatMap(({ id, servedName }) => (servedName === null ? [] : [[id, servedName] as const]))
  return names.length === 0 ? null : new Map(names)
}

/** What a replica calls the model of the route. Null: as the client wrote it. */
export const servedNameOf = (route: Route | undefined, { id }: Replica): string | null =>
  route?.servedNames?.get(id) ?? null

/** Answers could be written, if somebody read the prompts. */
function unreadReason(targets: SnapshotRoute['targets']): string | null {
  const writing = targets.filter(({ replicas }) => replicas.length > 0)
  const unread = writing.find(({ prefill }) => prefill?.groups.length === 0)
  const isRead = writing.some(({ prefill }) => prefill?.groups.length !== 0)
  return unread?.prefill && !isRead ? unread.prefill.reason : null
}

/** Timeouts are the gateway's own: undici's would cut long generations and keep a timer a request. */
function createReplica(deployment: string, listed: SnapshotReplica, clock: Clock): Replica {
  const breaker = createBreaker()
  const { origin, pathname } = new URL(listed.url)
  return {
    id: listed.id,
    deployment,
    url: listed.url,
    basePath: pathname.replace(/\/+$/, ''),
    pool: new Pool(origin, {
      connect: { timeout: connectTimeoutMs },
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
    }),
    breaker,
    inFlight: 0,
    tokensInFlight: 0,
    get isAvailable() {
      return breaker.state === 'closed' || isAvailable(breaker, clock.monotonicMs())
    },
  }
}
