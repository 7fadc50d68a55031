import type { RequestTable } from '../request-table.ts'
import { BlockPool } from './block-pool.ts'
import type { EngineParameters } from './parameters.ts'

/** Who holds which block of one rank's KV memory, and which prompts begin with what is there already. */
export class KvCache {
  readonly pool: BlockPool
  readonly #blockTokens: number
  readonly #hasPrefixCache: boolean
  readonly #requests: RequestTable
  #hits: number[] = []

  constructor(parameters: EngineParameters, requests: RequestTable) {
    this.pool = new BlockPool(parameters.kvBlocks)
    this.#blockTokens = parameters.blockTokens
    this.#hasPrefixCache = parameters.hasPrefixCache
    this.#requests = requests
  }

  /** Share of the blocks that somebody holds. */
  get usage(): number {
    return 1 - this.pool.free / this.pool.blocks
  }

  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.#blockTokens)
  }

  /** Tokens at the start of a request, below `limit`, that are in the cache; remembered for `admit`. */
  match(id: number, limit: number): number {
    this.#hits = []
    if (!this.#hasPrefixCache) return 0
    const most = Math.min(this.#nameable(id), Math.floor((limit - 1) / this.#blockTokens))
    for (let at = 0; at < most; at++) {
      const block = this.pool.find(this.#nameOf(id, at))
      if (block < 0) break
      this.#hits.push(block)
    }
    return this.#hits.length * this.#blockTokens
  }

  /** Free blocks that a request would take which holds the blocks just matched and grows to `tokens`. */
  cost(tokens: number): number {
    let cost = this.blocksFor(tokens) - this.#hits.length
    for (const block of this.#hits) if (!this.pool.isHeld(block)) cost++
    return cost
  }

  /** Gives a request the blocks just matched, and new ones up to `tokens`. They have to be there. */
  admit(id: number, tokens: number): void {
    for (const block of this.#hits) this.pool.hold(block)
    const { blocks, named, capacity } = this.#requests
    blocks[id] = this.#hits
    named[id] = this.#hits.length
    capacity[id] = this.#hits.length * this.#blockTokens
    this.#hits = []
    this.grow(id, tokens)
  }

  /** Room for `tokens` in all; false, and nothing taken, where that many blocks are not free. */
  grow(id: number, tokens: number): boolean {
    const { blocks, capacity } = this.#requests
    const table = blocks[id]!
    const wanted = this.blocksFor(tokens)
    if (wanted - table.length > this.pool.free) return false
    while (table.length < wanted) table.push(this.pool.take())
    capacity[id] = table.length * this.#blockTokens
    return true
  }

  /** Lets others find what the first `tokens` of a request have filled. */
  nameFilled(id: number, tokens: number): void {
    if (!this.#hasPrefixCache) return
    const { blocks, named } = this.#requests
    const filled = Math.min(this.#nameable(id), Math.floor(tokens / this.#blockTokens))
    for (let at = named[id]!; at < filled; at++)
      this.pool.name(blocks[id]![at]!, this.#nameOf(id, at))
    if (filled > named[id]!) named[id] = filled
  }

  /** The end of a sequence is reused first: its beginning is what others may share. */
  release(id: number): void {
    const { blocks, capacity } = this.#requests
    const table = blocks[id]!
    for (let at = table.length - 1; at >= 0; at--) this.pool.release(table[at]!)
    blocks[id] = noBlocks
    capacity[id] = 0
  }

  /** Blocks that can be asked for by name: shared ones, and all of one that was thrown out and comes back. */
  #nameable(id: number): number {
    const { preemptions, blockHashes, hashTokens } = this.#requests
    if (preemptions[id] !== 0) return Number.POSITIVE_INFINITY
    return Math.floor(((blockHashes[id]?.length ?? 0) * hashTokens) / this.#blockTokens)
  }

  /** The hash that covers a block's last token, and which of the blocks that end there it is. */
  #nameOf(id: number, at: number): number {
    const { blockHashes, hashTokens } = this.#requests
    const lastToken = (at + 1) * this.#blockTokens - 1
    const hash = blockHashes[id]?.[Math.floor(lastToken / hashTokens)]
    if (hash === undefined) return ownName(id, at)
    return hash * 1024 + Math.floor((lastToken % hashTokens) / this.#blockTokens)
  }
}

/** Nobody else's: given names are not negative, and -1 stands for none. */
const ownName = (id: number, at: number): number => -2 - (id * 2 ** 21 + at)

const noBlocks: number[] = []
