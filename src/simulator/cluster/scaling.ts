import type { PoolFrame, ScalingChange, ScalingDecision } from './autoscaler.ts'
import { quantile } from '../../injector/policy/statistics/quantiles.ts'
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
  #workedMs = 0
  readonly #ttftMs: number[] = []
  readonly #tpotMs: number[] = []

  constructor(cluster: Cluster, pool: number) {
    this.#cluster = cluster
    this.#pool = pool
    this.#name = cluster.pools[pool]!.name
  }

  /** Somebody of this pool got the first token. */
  firstToken(ttftMs: number): void {
    this.#ttftMs.push(ttftMs)
  }

  /** Somebody of this pool ended, having waited this long for each further token. */
  finished(tpotMs: number): void {
    this.#tpotMs.push(tpotMs)
  }

  /** No replica, nor one on its way. */
  get isAsleep(): boolean {
    return (
      this.#cluster.in(this.#pool, 'ready').length === 0 &&
      this.#cluster.in(this.#pool, 'starting').length === 0
    )
  }

  /** `arrivals`: at the gateway since the start of the run; `held`: there now, without a replica. */
  frame(nowMs: number, arrivals: number, held: number): PoolFrame {
    const ready = this.#cluster.in(this.#pool, 'ready')
    const all = this.#cluster.replicas.filter(({ pool }) => pool === this.#pool)
    const sum = (of: (replica: Replica) => number, replicas = all) =>
      replicas.reduce((total, replica) => total + of(replica), 0)
    const seconds = Math.max(1e-3, (nowMs - this.#lastMs) / 1000)
    const busyMs = sum(({ totals }) => totals.busyMs)
    const tokens = sum(({ totals }) => totals.tokens)
    const [running, waiting] = [
      sum((replica) => replica.running),
      sum((replica) => replica.waiting),
    ]
    if (running + waiting + held > 0 || arrivals > this.#arrivals) this.#workedMs = nowMs
    const frame: PoolFrame = {
      nowMs,
      pool: this.#name,
      ready: ready.length,
      starting: this.#cluster.in(this.#pool, 'starting').length,
      draining: this.#cluster.in(this.#pool, 'draining').length,
      running,
      waiting,
      held,
      idleMs: nowMs - this.#workedMs,
      kvUsage: ready.length > 0 ? sum(({ kvUsage }) => kvUsage, ready) / ready.length : 0,
      arrivalsPerS: (arrivals - this.#arrivals) / seconds,
      tokensPerS: (tokens - this.#tokens) / seconds,
      utilisation: Math.min(
        1,
        (busyMs - this.#busyMs) / 1000 / seconds / Math.max(1, ready.length),
      ),
      ttftMsP95: p95(this.#ttftMs),
      tpotMsP95: p95(this.#tpotMs),
    }
    this.#ttftMs.length = 0
    this.#tpotMs.length = 0
    this.#lastMs = nowMs
    this.#busyMs = busyMs
    this.#tokens = tokens
    this.#arrivals = arrivals
    return frame
  }

  /** What changed; null: nothing. */
  apply({ replicas, reason }: ScalingDecision, nowMs: number): ScalingChange | null {
    const ready = this.#cluster.in(this.#pool, 'ready')
    const starting = this.#cluster.in(this.#pool, 'starting')
    const from = ready.length + starting.length
    const wanted = Math.max(0, Math.round(replicas))
    for (let at = from; at < wanted; at++) this.#cluster.start(this.#pool, nowMs)
    // Those that serve nobody yet go first, the latest before the others; then the emptiest, which hurts the fewest.
    const unborn = starting.toReversed()
    const leaving = ready.toSorted((a, b) => a.inFlight - b.inFlight)
    for (const replica of [...unborn, ...leaving].slice(0, Math.max(0, from - wanted)))
      this.#cluster.drain(replica, nowMs)
    return wanted === from
      ? null
      : { atMs: nowMs, pool: this.#name, from, replicas: wanted, reason }
  }
}

function p95(values: readonly number[]): number | null {
  if (values.length === 0) return null
  return quantile(Float64Array.from(values).sort(), 0.95)
}
