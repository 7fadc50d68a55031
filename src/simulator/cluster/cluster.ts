import { createRandom, type Random } from '../../core/random.ts'
import { choosePowerOfTwo } from '../../gateway/policy/choose.ts'
import type { SchedulerListener } from '../engine/scheduler.ts'
import type { RequestTable } from '../request-table.ts'
import type { PoolSetup, SimulationSetup } from '../setup.ts'
import { Replica, type ReplicaState } from './replica.ts'
import { Route } from './route.ts'

/** What the cluster tells the run. */
export interface ClusterListener {
  changed(replica: Replica): void
  /** A replica has been told to start, and will be ready then. */
  starting(replica: Replica, readyMs: number): void
}

/** All replicas that there were, and the routes of each gateway to those that are ready. */
export class Cluster {
  readonly replicas: Replica[] = []
  readonly pools: readonly PoolSetup[]
  readonly #entry: readonly Route[]
  readonly #decode: readonly Route[]
  readonly #requests: RequestTable
  readonly #schedulers: SchedulerListener
  readonly #listener: ClusterListener
  readonly #random: Random

  constructor(
    setup: SimulationSetup,
    requests: RequestTable,
    schedulers: SchedulerListener,
    listener: ClusterListener,
  ) {
    this.pools = setup.pools
    this.#requests = requests
    this.#schedulers = schedulers
    this.#listener = listener
    this.#random = createRandom(setup.seed)
    const routes = (isPart: (pool: PoolSetup) => boolean): Route[] => {
      const weights = setup.pools.map((pool) => (isPart(pool) ? (pool.weight ?? 1) : -1))
      const policy = setup.policy ?? choosePowerOfTwo
      const random = createRandom(setup.seed + 1)
      return Array.from({ length: setup.gateways ?? 1 }, () => new Route(policy, weights, random))
    }
    this.#entry = routes(({ role }) => role !== 'decode')
    this.#decode = routes(({ role }) => role === 'decode')
  }

  /** Starts the replicas that the run begins with: they are ready at once. */
  begin(): void {
    for (const [pool, { replicas }] of this.pools.entries())
      for (let at = 0; at < replicas; at++) this.#set(this.#create(pool, 0), 'ready', 0)
  }

  /** The route of the gateway that a request goes through: to where it is decoded, or where it starts. */
  routeOf(request: number, phase: 'entry' | 'decode'): Route {
    const routes = phase === 'entry' ? this.#entry : this.#decode
    return routes[request % routes.length]!
  }

  /** Where a request is or was last. */
  replicaOf(request: number): Replica {
    return this.replicas[this.#requests.replica[request]!]!
  }

  /** Which route brings requests to a replica. */
  phaseOf(replica: Replica): 'entry' | 'decode' {
    return this.pools[replica.pool]!.role === 'decode' ? 'decode' : 'entry'
  }

  isPrefillOnly(replica: Replica): boolean {
    return this.pools[replica.pool]!.role === 'prefill'
  }

  start(pool: number, nowMs: number): void {
    const replica = this.#create(pool, nowMs)
    this.#listener.starting(replica, nowMs + (this.pools[pool]!.startMs ?? 0))
  }

  ready(replica: Replica, nowMs: number): void {
    if (replica.state === 'starting') this.#set(replica, 'ready', nowMs)
  }

  /** No new requests; it stops when the last one has ended, and one that was only starting at once. */
  drain(replica: Replica, nowMs: number): void {
    this.#set(replica, 'draining', nowMs)
    this.stopIfDrained(replica, nowMs)
  }

  stopIfDrained(replica: Replica, nowMs: number): void {
    if (replica.state === 'draining' && replica.inFlight === 0) this.#set(replica, 'stopped', nowMs)
  }

  fail(replica: Replica, nowMs: number): void {
    this.#set(replica, 'failed', nowMs)
  }

  /** Those of one pool in a state. */
  in(pool: number, state: ReplicaState): Replica[] {
    return this.replicas.filter((replica) => replica.pool === pool && replica.state === state)
  }

  #create(pool: number, nowMs: number): Replica {
    const { name, engine, stepTime, ranks = 1 } = this.pools[pool]!
    const index = this.replicas.length
    const replica = new Replica(
      { index, pool, id: `${name}-${index}` },
      { engine, stepTime, ranks },
      this.#requests,
      this.#schedulers,
      this.#random,
      nowMs,
    )
    this.replicas.push(replica)
    return replica
  }

  #set(replica: Replica, state: ReplicaState, nowMs: number): void {
    replica.state = state
    if (state === 'ready') replica.readyMs = nowMs
    if (state === 'stopped' || state === 'failed') replica.stoppedMs = nowMs
    const ready = this.replicas.filter((candidate) => candidate.state === 'ready')
    for (const route of [...this.#entry, ...this.#decode]) route.update(ready)
    this.#listener.changed(replica)
  }
}
