import type { RequestTable } from '../request-table.ts'
import { type Batch, putInBatch, work } from './batch.ts'
import type { KvCache } from './kv-cache.ts'

/**
 * Sequences that do nothing but decode, one token a step: nearly all, nearly always. What they have is known from the
 * number of steps, so that a step costs only those that end or need a block, not all that run. Whoever looks at a
 * member's columns has to `dissolve` the lane first.
 */
export class DecodeLane {
  /** Steps decided, and steps ended, since the lane was formed last. */
  #planned = 0
  #completed = 0
  /** Those whose last token came up to this step have left the sums. */
  #left = -1
  /** Members that take part in the next step, and the sum of their offsets. */
  #count = 0
  #offsets = 0
  #longest = 0
  #members: number[] = []
  readonly #requests: RequestTable
  readonly #kv: KvCache
  readonly #blockTokens: number
  /** By step: whose last token it brings. */
  readonly #ends = new Map<number, number[]>()
  /** By step modulo block: who may need a block then. */
  readonly #growth = new Map<number, number[]>()
  /** Those under way. */
  #batches: Batch[] = []

  constructor(requests: RequestTable, kv: KvCache, blockTokens: number) {
    this.#requests = requests
    this.#kv = kv
    this.#blockTokens = blockTokens
  }

  /** Takes in a sequence that has at least one token to go, all computed but its last one. */
  join(id: number): void {
    const { laneFrom, laneOffset, laneEnd, computed, goalTokens, produced, promised } =
      this.#requests
    const offset = computed[id]! - this.#planned
    const left = goalTokens[id]! - produced[id]! - promised[id]!
    const end = this.#planned + left - 1
    laneFrom[id] = this.#planned
    laneOffset[id] = offset
    laneEnd[id] = end
    addTo(this.#ends, end, id)
    addTo(this.#growth, modulo(-offset, this.#blockTokens), id)
    this.#members.push(id)
    if (this.#members.length > 2 * this.#count + 64) this.#forgetLeavers()
    this.#count++
    this.#offsets += offset
    if (this.#count === 1 || offset > this.#longest) this.#longest = offset
  }

  /** All members' next tokens, as part of a step. False where there are not blocks enough: dissolve it then. */
  plan(batch: Batch, tokensMax: number): boolean {
    const step = this.#planned
    this.#leaveThrough(step - 1)
    if (this.#count === 0) return true
    if (this.#count > tokensMax || !this.#grow(step)) return false
    const { load } = batch
    batch.laneStep = step
    batch.laneTokens = this.#count
    load.decodes = this.#count
    load.decodeTokens = this.#count
    load.sampled = this.#count
    load.contextTokens = this.#offsets + this.#count * (step + 1)
    load.contextMax = this.#longest + step + 1
    this.#planned++
    this.#batches.push(batch)
    return true
  }

  /** The step has ended. Those that have all their tokens now; their columns are right again. */
  complete(batch: Batch): readonly number[] {
    const step = batch.laneStep
    this.#batches = this.#batches.filter((other) => other !== batch)
    this.#completed = step + 1
    this.#leaveThrough(step)
    const ended = this.#ends.get(step)
    if (!ended) return []
    for (const id of ended) {
      this.#write(id)
      this.#requests.laneFrom[id] = -1
    }
    this.#ends.delete(step)
    return ended
  }

  /** Answer tokens that have come, of a member or of anybody. */
  producedOf(id: number): number {
    return this.#requests.produced[id]! + (this.isMember(id) ? this.#doneBy(id) : 0)
  }

  isMember(id: number): boolean {
    return this.#requests.laneFrom[id]! >= 0
  }

  /** Writes what all members have into their columns, and themselves into the steps that are under way. */
  dissolve(): void {
    const { laneFrom, laneEnd, epoch } = this.#requests
    for (const id of this.#members) {
      if (!this.isMember(id)) continue
      this.#write(id)
      for (const batch of this.#batches)
        if (laneFrom[id]! <= batch.laneStep && laneEnd[id]! >= batch.laneStep)
          putInBatch(batch, id, epoch[id]!, 1, work.decode)
      laneFrom[id] = -1
    }
    for (const batch of this.#batches) batch.laneStep = -1
    this.#growth.clear()
    this.#batches = []
    this.#members = []
    this.#ends.clear()
    this.#planned = 0
    this.#completed = 0
    this.#left = -1
    this.#count = 0
    this.#offsets = 0
    this.#longest = 0
  }

  #leaveThrough(step: number): void {
    if (this.#left >= step) return
    this.#left = step
    for (const id of this.#ends.get(step) ?? []) this.#leave(id)
  }

  #leave(id: number): void {
    const offset = this.#requests.laneOffset[id]!
    this.#count--
    this.#offsets -= offset
    if (offset < this.#longest) return
    // The longest has gone: look for the next.
    const { laneEnd, laneOffset } = this.#requests
    this.#forgetLeavers()
    this.#longest = Number.NEGATIVE_INFINITY
    for (const other of this.#members)
      if (other !== id && laneEnd[other]! > laneEnd[id]! && laneOffset[other]! > this.#longest)
        this.#longest = laneOffset[other]!
  }

  #forgetLeavers(): void {
    this.#members = this.#members.filter((id) => this.isMember(id))
  }

  #grow(step: number): boolean {
    const { capacity, laneOffset, laneEnd } = this.#requests
    const bucket = this.#growth.get(step % this.#blockTokens)
    if (!bucket) return true
    const isDue = (id: number) =>
      this.isMember(id) && laneEnd[id]! >= step && laneOffset[id]! + step >= capacity[id]!
    let due = 0
    for (const id of bucket) if (isDue(id)) due++
    if (due > this.#kv.pool.free) return false
    let kept = 0
    for (const id of bucket) {
      if (!this.isMember(id)) continue
      bucket[kept++] = id
      if (!isDue(id)) continue
      const tokens = laneOffset[id]! + step
      this.#kv.nameFilled(id, tokens)
      this.#kv.grow(id, tokens + 1)
    }
    bucket.length = kept
    return true
  }

  #doneBy(id: number): number {
    const { laneFrom, laneEnd } = this.#requests
    return Math.max(0, Math.min(this.#completed, laneEnd[id]! + 1) - laneFrom[id]!)
  }

  #write(id: number): void {
    const { laneFrom, laneEnd, laneOffset, produced, promised, computed } = this.#requests
    const done = this.#doneBy(id)
    const reached = Math.min(this.#planned, laneEnd[id]! + 1)
    produced[id]! += done
    promised[id]! += reached - laneFrom[id]! - done
    computed[id] = laneOffset[id]! + reached
  }
}

function addTo(lists: Map<number, number[]>, key: number, id: number): void {
  const list = lists.get(key)
  if (list) list.push(id)
  else lists.set(key, [id])
}

const modulo = (value: number, by: number): number => ((value % by) + by) % by
