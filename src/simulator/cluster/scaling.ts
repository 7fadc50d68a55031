import type { PoolFrame, ScalingDecision } from './autoscaler.ts'
import type { Cluster } from './cluster.ts'
import type { Replica } from './replica.ts'

/** Lets a pool's autoscaler see its pool, and does what it decides. */
export class Scaling {
  readonly #cluster: Cluster
  readonly #pool: number
  readonly #name: string
  #lastMs = 0
  #busyMs = 0
  #tokens = 0
  #arrivals = 0

  constructor(cluster: Cluster, pool: number) {
    this.#cluster = cluster
    this.#pool = pool
    this.#name = cluster.pools[pool]!.name
  }

  /** `arrivals`: at the gateway since the start of the run. */
  frame(nowMs: number, arrivals: number): PoolFrame {
    const ready = this.#cluster.in(this.#pool, 'ready')
    const all = this.#cluster.replicas.filter(({ pool }) => pool === this.#pool)
    const sum = (of: (replica: Replica) => number, replicas = all) =>
      replicas.reduce((total, replica) => total + of(replica), 0)
    const seconds = Math.max(1e-3, (nowMs - this.#lastMs) / 1000)
    const busyMs = sum(({ totals }) => totals.busyMs)
    const tokens = sum(({ totals }) => totals.tokens)
    const frame: PoolFrame = {
      nowMs,
      pool: this.#name,
      ready: ready.length,
      starting: this.#cluster.in(this.#pool, 'starting').length,
      draining: this.#cluster.in(this.#pool, 'draining').length,
      running: sum(({ running }) => running),
      waiting: sum(({ waiting }) => waiting),
      kvUsage: ready.length > 0 ? sum(({ kvUsage }) => kvUsage, ready) / ready.length : 0,
      arrivalsPerS: (arrivals - this.#arrivals) / seconds,
      tokensPerS: (tokens - this.#tokens) / seconds,
      utilisation: Math.min(
        1,
        (busyMs - this.#busyMs) / 1000 / seconds / Math.max(1, ready.length),
      ),
    }
    this.#lastMs = nowMs
    this.#busyMs = busyMs
    this.#tokens = tokens
    this.#arrivals = arrivals
    return frame
  }

  apply(decision: ScalingDecision, nowMs: number): void {
    const ready = this.#cluster.in(this.#pool, 'ready')
    const starting = this.#cluster.in(this.#pool, 'starting').length
    let difference = Math.max(0, Math.round(decision.replicas)) - ready.length - starting
    for (; difference > 0; difference--) this.#cluster.start(this.#pool, nowMs)
    // The emptiest goes first: it hurts the fewest and is gone the soonest.
    const leaving = ready.toSorted((a, b) => a.inFlight - b.inFlight)
    for (const replica of leaving.slice(0, -difference)) this.#cluster.drain(replica, nowMs)
  }
}
