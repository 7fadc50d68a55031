import type { Random } from '../../core/random.ts'
import { type Batch, createBatch } from '../engine/batch.ts'
import type { EngineParameters } from '../engine/parameters.ts'
import { type Refusal, Scheduler, type SchedulerListener } from '../engine/scheduler.ts'
import type { StepLoad, StepTime } from '../engine/step-load.ts'
import { ItlHistogram } from '../results/itl-histogram.ts'
import type { RequestTable } from '../request-table.ts'

export type ReplicaState = 'starting' | 'ready' | 'draining' | 'stopped' | 'failed'

/** What its pool says of a replica. */
export interface ReplicaKind {
  readonly engine: EngineParameters
  readonly stepTime: StepTime
  /** Data-parallel attention ranks that step together; each has its own scheduler and KV memory. */
  readonly ranks: number
}

/** One running engine: its ranks, and the clock of its steps. */
export class Replica {
  readonly id: string
  readonly index: number
  readonly pool: number
  state: ReplicaState = 'starting'
  startedMs: number
  readyMs = Number.NaN
  stoppedMs = Number.NaN
  /** Requests that were sent here and have not ended here. */
  inFlight = 0
  /** Steps take this many times as long. */
  slowness = 1
  /** When the step under way ends; NaN: none is. */
  stepEndsMs = Number.NaN
  readonly totals = {
    steps: 0,
    busyMs: 0,
    tokens: 0,

    kvUsageMs: 0,
    kvUsageMax: 0,
    runningMs: 0,
  }
  readonly itl = new ItlHistogram()
  readonly ranks: readonly Scheduler[]
  readonly #kind: ReplicaKind
  readonly #requests: RequestTable
  readonly #looksAhead: boolean
  #current: Step
  #next: Step
  #isPlanned = false
  /** How long the sequences of each rank have stood still for others' prompts. */
  readonly #stallsMs: number[]

  constructor(
    identity: { readonly index: number; readonly pool: number; readonly id: string },
    kind: ReplicaKind,
    requests: RequestTable,
    listener: SchedulerListener,
    random: Random,
    nowMs: number,
  ) {
    this.id = identity.id
    this.index = identity.index
    this.pool = identity.pool
    this.startedMs = nowMs
    this.#kind = kind
    this.#requests = requests
    this.ranks = Array.from(
      { length: kind.ranks },
      () => new Scheduler(kind.engine, requests, listener, random),
    )
    // How many drafts were right is known only when the step has ended.
    this.#looksAhead = kind.engine.stepsAhead > 0 && kind.engine.speculation === null
    this.#stallsMs = this.ranks.map(() => 0)
    this.#current = createStep(kind)
    this.#next = createStep(kind)
  }

  get running(): number {
    return this.ranks.reduce((sum, rank) => sum + rank.running, 0)
  }

  get waiting(): number {
    return this.ranks.reduce((sum, rank) => sum + rank.waiting.size, 0)
  }

  /** Answer tokens that have come out of it. */
  get outputs(): number {
    return this.ranks.reduce((sum, rank) => sum + rank.outputs, 0)
  }

  get kvUsage(): number {
    return this.ranks.reduce((sum, rank) => sum + rank.kv.usage, 0) / this.ranks.length
  }

  /** To the rank with the least to do, as vLLM weighs it: one that waits counts four times. */
  enqueue(request: number): Refusal | null {
    let best = this.ranks[0]!
    for (const rank of this.ranks)
      if (rank.waiting.size * 4 + rank.running < best.waiting.size * 4 + best.running) best = rank
    this.#requests.rank[request] = this.ranks.indexOf(best)
    return best.enqueue(request)
  }

  /** Gives up one request. */
  abort(request: number): void {
    this.ranks[this.#requests.rank[request]!]!.abort(request)
  }

  /** Answer tokens that a request has by now. */
  producedOf(request: number): number {
    return this.ranks[this.#requests.rank[request]!]!.producedOf(request)
  }

  /** Starts a step where there is something to do and none is under way; its end is in `stepEndsMs`. */
  startStep(nowMs: number): boolean {
    if (!Number.isNaN(this.stepEndsMs)) return false
    if (!this.#isPlanned && !this.#plan()) return false
    this.#isPlanned = false
    ;[this.#current, this.#next] = [this.#next, this.#current]
    const durationMs = this.#kind.stepTime(this.#current.loads) * this.slowness
    this.stepEndsMs = nowMs + durationMs
    this.#count(durationMs)
    if (this.#looksAhead) this.#plan()
    return true
  }

  endStep(): void {
    this.stepEndsMs = Number.NaN
    for (const [at, rank] of this.ranks.entries()) rank.complete(this.#current.batches[at]!)
  }

  /** Gives up everything that is here. */
  evict(): number[] {
    this.stepEndsMs = Number.NaN
    this.#isPlanned = false
    return this.ranks.flatMap((rank) => rank.evict())
  }

  /** Makes the columns of its requests tell what they have. */
  settle(): void {
    for (const rank of this.ranks) rank.settle()
  }

  #plan(): boolean {
    for (const [at, rank] of this.ranks.entries())
      if (rank.plan(this.#next.batches[at]!)) this.#isPlanned = true
    return this.#isPlanned
  }

  #count(durationMs: number): void {
    const { totals } = this
    const { kvUsage } = this
    totals.steps++
    totals.busyMs += durationMs
    totals.kvUsageMs += kvUsage * durationMs
    totals.runningMs += this.running * durationMs
    if (kvUsage > totals.kvUsageMax) totals.kvUsageMax = kvUsage
    for (const [
      at,
      { decodes, decodeTokens, prefillTokens, chunks },
    ] of this.#current.loads.entries()) {
      totals.tokens += prefillTokens + decodeTokens
      this.itl.add(durationMs + this.#stallsMs[at]!, decodes)
      const isStalled = decodes === 0 && this.ranks[at]!.running > chunks
      this.#stallsMs[at] = isStalled ? this.#stallsMs[at]! + durationMs : 0
    }
  }
}

interface Step {
  readonly batches: readonly Batch[]
  readonly loads: readonly StepLoad[]
}

function createStep({ ranks, engine }: ReplicaKind): Step {
  const batches = Array.from({ length: ranks }, () => createBatch(engine.sequencesMax))
  return { batches, loads: batches.map(({ load }) => load) }
}
