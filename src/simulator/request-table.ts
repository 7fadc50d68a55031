import type { WorkloadRequest } from './workload.ts'

/** What became of a request. */
export const outcomes = ['open', 'finished', 'rejected', 'failed'] as const
export type Outcome = (typeof outcomes)[number]

const open = 0

/**
 * All requests of a run as columns, indexed by order of arrival: a million of them are a few flat arrays. Times are ms
 * since the start of the run, NaN where it has not happened.
 */
export class RequestTable {
  count = 0
  /** Tokens that one entry of `blockHashes` stands for. */
  readonly hashTokens: number
  arrivalMs = new Float64Array(firstCapacity)
  /** First put into a batch. */
  admittedMs = new Float64Array(firstCapacity)
  firstTokenMs = new Float64Array(firstCapacity)
  endMs = new Float64Array(firstCapacity)
  promptTokens = new Int32Array(firstCapacity)
  answerTokens = new Int32Array(firstCapacity)
  /** Answer tokens after which its present replica is done with it: 1 where another one decodes. */
  goalTokens = new Int32Array(firstCapacity)
  /** Answer tokens that have come, and those that a step under way will bring. */
  produced = new Int32Array(firstCapacity)
  promised = new Int32Array(firstCapacity)
  /** Tokens whose KV is there, or will be when the step under way ends. */
  computed = new Int32Array(firstCapacity)
  /** Tokens that fit into the blocks it holds, and how many of those blocks others can find. */
  capacity = new Int32Array(firstCapacity)
  named = new Int32Array(firstCapacity)
  /** Prompt tokens that never had to be computed. */
  cachedTokens = new Int32Array(firstCapacity)
  /** Tokens whose KV another replica has sent. */
  receivedTokens = new Int32Array(firstCapacity)
  priority = new Int32Array(firstCapacity)
  preemptions = new Int32Array(firstCapacity)
  /** Times it was thrown out of a batch or a replica: results of steps from before are void. */
  epoch = new Int32Array(firstCapacity)
  /** Membership of a decode lane: first step, or -1; context before step 0; last step. */
  laneFrom = new Int32Array(firstCapacity)
  laneOffset = new Int32Array(firstCapacity)
  laneEnd = new Int32Array(firstCapacity)
  /** Where it is or was last, by index; -1: nowhere. */
  replica = new Int32Array(firstCapacity)
  /** Rank of that replica. */
  rank = new Uint8Array(firstCapacity)
  attempts = new Int32Array(firstCapacity)
  outcome = new Uint8Array(firstCapacity)
  readonly blockHashes: (readonly number[] | null)[] = []
  readonly blocks: number[][] = []
  readonly source: WorkloadRequest[] = []

  constructor(hashTokens = 16) {
    this.hashTokens = hashTokens
  }

  /** Its arrival is still to come. */
  add(request: WorkloadRequest): number {
    if (this.count === this.outcome.length) this.#grow()
    const id = this.count++
    this.arrivalMs[id] = Number.NaN
    this.admittedMs[id] = Number.NaN
    this.firstTokenMs[id] = Number.NaN
    this.endMs[id] = Number.NaN
    this.promptTokens[id] = request.promptTokens
    this.answerTokens[id] = request.answerTokens
    this.priority[id] = request.priority ?? 0
    this.replica[id] = -1
    this.laneFrom[id] = -1
    this.outcome[id] = open
    this.blockHashes.push(request.blockHashes ?? null)
    this.blocks.push(noBlocks)
    this.source.push(request)
    return id
  }

  end(id: number, outcome: Exclude<Outcome, 'open'>, nowMs: number): void {
    this.outcome[id] = outcomes.indexOf(outcome)
    this.endMs[id] = nowMs
  }

  isOpen(id: number): boolean {
    return this.outcome[id] === open
  }

  #grow(): void {
    const capacity = this.outcome.length * 2
    for (const [name, column] of Object.entries(this))
      if (ArrayBuffer.isView(column)) {
        const larger = new (column.constructor as Int32ArrayConstructor)(capacity)
        larger.set(column as Int32Array)
        Object.assign(this, { [name]: larger })
      }
  }
}

const firstCapacity = 1024
const noBlocks: number[] = []
