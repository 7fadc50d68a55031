import type { Cluster } from '../cluster/cluster.ts'

/** The run over time, one entry a point; rates are over the time since the point before. */
export class Samples {
  readonly atMs: number[] = []
  readonly ready: number[] = []
  readonly starting: number[] = []
  readonly running: number[] = []
  readonly waiting: number[] = []
  /** Mean over the ready replicas, 0 to 1. */
  readonly kvUsage: number[] = []
  readonly arrivalsPerS: number[] = []
  readonly tokensPerS: number[] = []
  #arrivals = 0
  #tokens = 0

  /** `arrivals` and `tokens`: counts since the start of the run; `held`: requests without a replica. */
  take(
    nowMs: number,
    cluster: Cluster,
    counts: { readonly arrivals: number; readonly tokens: number; readonly held: number },
  ): void {
    const seconds = (nowMs - (this.atMs.at(-1) ?? 0)) / 1000
    const alive = cluster.replicas.filter(({ state }) => state === 'ready' || state === 'draining')
    const sum = (of: (replica: (typeof alive)[number]) => number) =>
      alive.reduce((total, replica) => total + of(replica), 0)
    this.atMs.push(nowMs)
    this.ready.push(alive.length)
    this.starting.push(cluster.replicas.filter(({ state }) => state === 'starting').length)
    this.running.push(sum(({ running }) => running))
    this.waiting.push(sum(({ waiting }) => waiting) + counts.held)
    this.kvUsage.push(alive.length > 0 ? sum(({ kvUsage }) => kvUsage) / alive.length : 0)
    this.arrivalsPerS.push(seconds > 0 ? (counts.arrivals - this.#arrivals) / seconds : 0)
    this.tokensPerS.push(seconds > 0 ? (counts.tokens - this.#tokens) / seconds : 0)
    this.#arrivals = counts.arrivals
    this.#tokens = counts.tokens
  }
}
