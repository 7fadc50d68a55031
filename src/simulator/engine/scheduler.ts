import type { Random } from '../../core/random.ts'
import type { RequestTable } from '../request-table.ts'
import {
  type Batch,
  clearBatch,
  isEmptyBatch,
  liveTokens,
  measureBatch,
  putInBatch,
  work,
} from './batch.ts'
import { DecodeLane } from './decode-lane.ts'
import { KvCache } from './kv-cache.ts'
import type { EngineParameters } from './parameters.ts'
import { comesAfter, createWaitingQueue, type WaitingQueue } from './waiting-queue.ts'

/** What happens to requests while the scheduler works; when is the listener's business. */
export interface SchedulerListener {
  admitted(request: number): void
  preempted(request: number): void
  firstToken(request: number): void
  finished(request: number): void
}

/** Only prompts count against the budget where they have steps of their own. */
const decodesUnlimited = 2 ** 30

export type Refusal = 'queue-full' | 'too-long'

/**
 * One rank of one engine: decides step by step who computes what, as vLLM V1's scheduler does. Running sequences first,
 * in the order they came; then those that wait, while tokens, places and blocks last. Who finds no block throws out the
 * last sequence, which computes all of its tokens again later.
 */
export class Scheduler {
  readonly kv: KvCache
  readonly waiting: WaitingQueue
  running = 0
  /** Answer tokens that have come out of it. */
  outputs = 0
  readonly #parameters: EngineParameters
  readonly #requests: RequestTable
  readonly #listener: SchedulerListener
  readonly #random: Random
  /** All that run, in the order they were admitted; and those of them that are not in the lane. */
  readonly #ids: Int32Array
  #loose: number[] = []
  readonly #lane: DecodeLane
  readonly #hasLane: boolean
  #preemptions = 0
  // The head of the queue that did not fit, and the count of releases then.
  #blocked = -1
  #blockedAt = -1

  constructor(
    parameters: EngineParameters,
    requests: RequestTable,
    listener: SchedulerListener,
    random: Random,
  ) {
    this.#parameters = parameters
    this.#requests = requests
    this.#listener = listener
    this.#random = random
    this.kv = new KvCache(parameters, requests)
    this.waiting = createWaitingQueue(parameters.order, requests)
    this.#ids = new Int32Array(parameters.sequencesMax)
    this.#lane = new DecodeLane(requests, this.kv, parameters.blockTokens)
    // With priorities anybody may be thrown out at any time; with drafts steps bring different numbers of tokens.
    this.#hasLane = parameters.order === 'fcfs' && parameters.speculation === null
  }

  /** Takes a request in; else says why not. */
  enqueue(id: number): Refusal | null {
    const { contextMax, kvBlocks, queueMax } = this.#parameters
    const tokens = this.#requests.promptTokens[id]! + this.#requests.goalTokens[id]!
    if (tokens > contextMax || this.kv.blocksFor(tokens) > kvBlocks) return 'too-long'
    if (this.waiting.size >= queueMax) return 'queue-full'
    this.waiting.push(id)
    return null
  }

  /** Decides the next step; false where there is nothing to do. */
  plan(batch: Batch): boolean {
    for (;;) {
      const preemptions = this.#preemptions
      clearBatch(batch)
      if (this.#plan(batch)) return true
      // Else all that were planned have been thrown out again, and nobody was let in instead.
      if (this.#preemptions === preemptions) return false
    }
  }

  /** The step has ended: tokens come out, and who has all of them leaves. */
  complete(batch: Batch): void {
    const { epoch, promised, produced, goalTokens, computed } = this.#requests
    let hasFinished = false
    if (batch.laneStep >= 0) {
      this.outputs += batch.laneTokens
      for (const id of this.#lane.complete(batch)) {
        this.#finish(id)
        hasFinished = true
      }
    }
    for (let at = 0; at < batch.count; at++) {
      const id = batch.requests[at]!
      if (batch.works[at] === work.partOfPrompt || epoch[id] !== batch.epochs[at]) continue
      const before = produced[id]!
      const accepted = batch.works[at] === work.decode ? this.#accept(batch.tokens[at]! - 1) : 0
      const after = before + 1 + accepted
      promised[id]!--
      produced[id] = after
      this.outputs += after - before
      computed[id]! += accepted
      if (before === 0) this.#listener.firstToken(id)
      if (after < goalTokens[id]!) continue
      this.#finish(id)
      hasFinished = true
    }
    if (hasFinished) this.#closeRanks()
  }

  /** Gives up all requests, say because the engine died: those that ran, then those that waited. */
  evict(): number[] {
    this.settle()
    const evicted = [...this.#ids.subarray(0, this.running)]
    for (const id of evicted) this.#forget(id)
    this.running = 0
    this.#loose = []
    for (; this.waiting.size > 0; this.waiting.shift()) evicted.push(this.waiting.peek())
    return evicted
  }

  /** Gives up one request, say because its client has gone. */
  abort(id: number): void {
    this.settle()
    const at = this.#ids.subarray(0, this.running).indexOf(id)
    if (at < 0) return this.waiting.remove(id)
    this.#ids.copyWithin(at, at + 1, this.running--)
    this.#loose.splice(at, 1)
    this.#forget(id)
  }

  /** Answer tokens that a request here has by now, with nothing settled. */
  producedOf(id: number): number {
    return this.#lane.producedOf(id)
  }

  /** Makes the columns of all requests tell what they have. */
  settle(): void {
    this.#lane.dissolve()
    this.#loose = [...this.#ids.subarray(0, this.running)]
  }

  #plan(batch: Batch): boolean {
    const { mixing, batchTokens } = this.#parameters
    const preemptions = this.#preemptions
    if (mixing === 'mixed') this.#planLane(batch, batchTokens)
    const budget = this.#planLoose(batch, batchTokens, mixing === 'mixed' ? 'all' : 'prompts')
    if (budget > 0 && this.#preemptions === preemptions) this.#admit(batch, budget)
    if (measureBatch(batch, this.#requests)) return true
    if (mixing === 'mixed') return false
    this.#planLane(batch, decodesUnlimited)
    this.#planLoose(batch, decodesUnlimited, 'decodes')
    return measureBatch(batch, this.#requests)
  }

  #planLane(batch: Batch, tokensMax: number): void {
    if (!this.#hasLane) return
    const { produced, promised, goalTokens, promptTokens, computed } = this.#requests
    let kept = 0
    for (const id of this.#loose) {
      const reached = produced[id]! + promised[id]!
      const isDecode = reached > 0 && promptTokens[id]! + reached - computed[id]! === 1
      if (isDecode && reached < goalTokens[id]!) this.#lane.join(id)
      else this.#loose[kept++] = id
    }
    this.#loose.length = kept
    if (!this.#lane.plan(batch, tokensMax)) this.settle()
  }

  #planLoose(batch: Batch, tokensMax: number, which: 'all' | 'prompts' | 'decodes'): number {
    const { computed, produced, promised, promptTokens, goalTokens, capacity } = this.#requests
    const queries = 1 + (this.#parameters.speculation?.draftTokens ?? 0)
    let budget = tokensMax - (batch.laneStep < 0 ? 0 : batch.laneTokens)
    for (const id of this.#loose) {
      if (budget <= 0) break
      if (capacity[id] === 0) continue // thrown out by one before it
      const reached = produced[id]! + promised[id]!
      const left = goalTokens[id]! - reached
      if (left <= 0) continue // its last token is on the way
      const rest = promptTokens[id]! + reached - computed[id]!
      const isDecode = rest === 1 && reached > 0
      if (which !== 'all' && isDecode === (which === 'prompts')) continue
      const tokens = isDecode ? Math.min(queries, left, budget) : Math.min(rest, budget)
      const end = computed[id]! + tokens
      if (end > capacity[id]!) {
        const preemptions = this.#preemptions
        if (!this.#makeRoom(id, end)) break
        // With priorities a sequence that was planned already may be gone.
        if (this.#preemptions !== preemptions)
          budget = tokensMax - liveTokens(batch, this.#requests)
      }
      this.#put(batch, id, tokens, kindOf(isDecode, rest > tokens))
      budget -= tokens
    }
    return budget
  }

  #admit(batch: Batch, tokensMax: number): void {
    const { admission, sequencesMax, hasChunkedPrefill } = this.#parameters
    if (admission === 'when-empty' && this.running > 0) return
    let budget = tokensMax
    while (this.waiting.size > 0 && budget > 0 && this.running < sequencesMax) {
      const id = this.waiting.peek()
      if (id === this.#blocked && this.kv.pool.releases === this.#blockedAt) return
      const known = this.#requests.promptTokens[id]! + this.#requests.produced[id]!
      const received = this.#requests.receivedTokens[id]!
      const cached = Math.max(received, this.kv.match(id, known))
      const rest = known - cached
      if (!hasChunkedPrefill && rest > budget && !isEmptyBatch(batch)) return
      const tokens = hasChunkedPrefill ? Math.min(rest, budget) : rest
      if (!this.#fits(id, known, cached + tokens)) {
        this.#blocked = id
        this.#blockedAt = this.kv.pool.releases
        return
      }
      this.waiting.shift()
      this.kv.admit(id, cached + tokens)
      this.#ids[this.running++] = id
      this.#loose.push(id)
      this.#requests.computed[id] = cached
      if (this.#requests.preemptions[id] === 0) this.#requests.cachedTokens[id] = cached - received
      this.#listener.admitted(id)
      const isDecode = rest === 1 && received > 0
      this.#put(batch, id, tokens, kindOf(isDecode, rest > tokens))
      budget -= tokens
    }
  }

  #put(batch: Batch, id: number, tokens: number, what: number): void {
    const { computed, promised, epoch } = this.#requests
    putInBatch(batch, id, epoch[id]!, tokens, what)
    // Drafts count only once they are accepted.
    computed[id]! += what === work.decode ? 1 : tokens
    if (what !== work.partOfPrompt) promised[id]!++
    if (what !== work.decode) this.kv.nameFilled(id, computed[id]!)
  }

  #fits(id: number, known: number, planned: number): boolean {
    const { reserve, reserveAnswer, mixing } = this.#parameters
    const { goalTokens, promptTokens, blocks } = this.#requests
    const isWhole = reserve === 'prompt' || mixing === 'prefill-first'
    const atOnce = isWhole ? Math.max(known, planned) : planned
    if (reserveAnswer === 0) return this.kv.cost(atOnce) <= this.kv.pool.free
    let promisedBlocks = 0
    for (let at = 0; at < this.running; at++) {
      const other = this.#ids[at]!
      const produced = this.#lane.producedOf(other)
      const left = (goalTokens[other]! - produced) * reserveAnswer
      const target = this.kv.blocksFor(promptTokens[other]! + produced + left)
      promisedBlocks += Math.max(0, target - blocks[other]!.length)
    }
    const own = known + (goalTokens[id]! - this.#requests.produced[id]!) * reserveAnswer
    return this.kv.cost(own) + promisedBlocks <= this.kv.pool.free
  }

  /** Throws out sequences until one has room for `tokens`; false where it went itself. */
  #makeRoom(id: number, tokens: number): boolean {
    this.kv.nameFilled(id, this.#requests.computed[id]!)
    while (!this.kv.grow(id, tokens)) {
      this.settle()
      const at = this.#victim()
      const victim = this.#ids[at]!
      this.#ids.copyWithin(at, at + 1, this.running--)
      this.#requests.preemptions[victim]!++
      // What it has computed can be found again until it is overwritten.
      this.kv.nameFilled(victim, this.#requests.computed[victim]!)
      this.#forget(victim)
      this.#preemptions++
      this.#loose.splice(at, 1)
      this.waiting.putBack(victim)
      this.#listener.preempted(victim)
      if (victim === id) return false
    }
    return true
  }

  /** Place of the sequence to throw out: the last one admitted, or the least important. */
  #victim(): number {
    if (this.#parameters.order === 'fcfs') return this.running - 1
    let worst = 0
    for (let at = 1; at < this.running; at++)
      if (comesAfter(this.#requests, this.#ids[at]!, this.#ids[worst]!)) worst = at
    return worst
  }

  #forget(id: number): void {
    const { computed, promised, receivedTokens, epoch } = this.#requests
    this.kv.release(id)
    computed[id] = 0
    promised[id] = 0
    receivedTokens[id] = 0
    epoch[id]!++
  }

  /** How many of the drafts come before the first wrong one. */
  #accept(drafts: number): number {
    const { acceptance = 0, depth = drafts } = this.#parameters.speculation ?? {}
    const most = Math.min(drafts, depth)
    let accepted = 0
    while (accepted < most && this.#random() < acceptance) accepted++
    return accepted
  }

  #finish(id: number): void {
    this.kv.nameFilled(id, this.#requests.computed[id]!)
    this.#forget(id)
    this.#listener.finished(id)
  }

  /** Closes the gaps of those that have finished: they hold no blocks any more. */
  #closeRanks(): void {
    let kept = 0
    for (let at = 0; at < this.running; at++) {
      const id = this.#ids[at]!
      if (this.#requests.capacity[id] !== 0) this.#ids[kept++] = id
    }
    this.running = kept
    this.#loose = this.#loose.filter((id) => this.#requests.capacity[id] !== 0)
  }
}

const kindOf = (isDecode: boolean, isPart: boolean): number =>
  isDecode ? work.decode : isPart ? work.partOfPrompt : work.restOfPrompt
