import type { Random } from '../../core/random.ts'
import {
  type Breaker,
  createBreaker,
  isAvailable,
  noteSent,
  noteVerdict,
  type Verdict,
} from '../../gateway/policy/breaker.ts'
import type {
  Choice,
  Policy,
  ReplicaView,
  RouteView,
  TargetView,
} from '../../gateway/policy/policy.ts'
import type { Replica } from './replica.ts'

/** A gateway's view of the replicas behind one route: the production policy decides on it, unchanged. */
export class Route {
  readonly #policy: Policy
  readonly #random: Random
  readonly #weights: readonly number[]
  #entries: readonly Entry[] = []
  #view: RouteView = { replicas: [], targets: [] }
  #nowMs = 0

  /** `weights`: of the deployments behind the route, by pool; 0 or less: no part of it. */
  constructor(policy: Policy, weights: readonly number[], random: Random) {
    this.#policy = policy
    this.#weights = weights
    this.#random = random
  }

  /** Takes over which replicas are ready, as a gateway does with a new snapshot. */
  update(ready: readonly Replica[]): void {
    const known = new Map(this.#entries.map((entry) => [entry.replica, entry]))
    const entries: Entry[] = []
    const targets: TargetView[] = []
    for (const [pool, weight] of this.#weights.entries()) {
      const from = entries.length
      for (const replica of ready)
        if (replica.pool === pool && weight > 0)
          entries.push(known.get(replica) ?? this.#createEntry(replica))
      if (entries.length > from) targets.push({ weight, from, to: entries.length })
    }
    this.#entries = entries
    this.#view = { replicas: entries.map(({ view }) => view), targets }
  }

  choose(tried: readonly string[], nowMs: number): (Choice & { readonly to: Replica }) | null {
    this.#nowMs = nowMs
    const choice = this.#policy(this.#view, tried, this.#random)
    if (!choice) return null
    const entry = this.#entries[choice.replica]!
    entry.view.inFlight++
    noteSent(entry.breaker)
    return { ...choice, to: entry.replica }
  }

  /** A request that was sent there has ended. */
  settle(replica: Replica, verdict: Verdict | null, nowMs: number): void {
    const entry = this.#entries.find((candidate) => candidate.replica === replica)
    if (!entry) return
    entry.view.inFlight--
    noteVerdict(entry.breaker, verdict, nowMs)
  }

  #createEntry(replica: Replica): Entry {
    const breaker = createBreaker()
    const isFree = (): boolean => isAvailable(breaker, this.#nowMs)
    const view = {
      id: replica.id,
      inFlight: 0,
      get isAvailable() {
        return isFree()
      },
    }
    return { replica, breaker, view }
  }
}

interface Entry {
  readonly replica: Replica
  readonly view: ReplicaView
  readonly breaker: Breaker
}
