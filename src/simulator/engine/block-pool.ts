import { invariant } from '../../core/errors.ts'

const none = -1

/**
 * Paged KV memory: blocks with reference counts. One that nobody holds keeps its content until it is needed for
 * something else, the longest unused first, so that a prompt with the same beginning can take it up again.
 */
export class BlockPool {
  readonly blocks: number
  /** Blocks that nobody holds. */
  free: number
  /** Counts up when a block becomes free: until then, what did not fit still does not. */
  releases = 0
  readonly #holders: Int32Array
  // The unheld blocks, least recently used first: a ring of links through the sentinel at index `blocks`.
  readonly #next: Int32Array
  readonly #previous: Int32Array
  readonly #hashOf: Float64Array
  readonly #byHash = new Map<number, number>()

  constructor(blocks: number) {
    this.blocks = blocks
    this.free = blocks
    this.#holders = new Int32Array(blocks)
    this.#next = Int32Array.from({ length: blocks + 1 }, (_, at) => (at + 1) % (blocks + 1))
    this.#previous = Int32Array.from(
      { length: blocks + 1 },
      (_, at) => (at + blocks) % (blocks + 1),
    )
    this.#hashOf = new Float64Array(blocks).fill(none)
  }

  /** Takes a block for new content. There has to be a free one. */
  take(): number {
    const block = this.#next[this.blocks]!
    invariant(block !== this.blocks, 'a block was taken from an empty pool')
    this.#unlink(block)
    this.#holders[block] = 1
    const hash = this.#hashOf[block]!
    if (hash !== none) {
      this.#byHash.delete(hash)
      this.#hashOf[block] = none
    }
    return block
  }

  /** One more holder for a block that `find` named. */
  hold(block: number): void {
    if (this.#holders[block]!++ === 0) this.#unlink(block)
  }

  release(block: number): void {
    const holders = --this.#holders[block]!
    invariant(holders >= 0, 'a block was released more often than held')
    if (holders > 0) return
    const last = this.#previous[this.blocks]!
    this.#next[last] = block
    this.#previous[block] = last
    this.#next[block] = this.blocks
    this.#previous[this.blocks] = block
    this.free++
    this.releases++
  }

  /** Names the content of a held block. What is there under that name already stays. */
  name(block: number, hash: number): void {
    if (this.#byHash.has(hash)) return
    this.#byHash.set(hash, block)
    this.#hashOf[block] = hash
  }

  /** The block with this content, or -1. */
  find(hash: number): number {
    return this.#byHash.get(hash) ?? none
  }

  isHeld(block: number): boolean {
    return this.#holders[block]! > 0
  }

  #unlink(block: number): void {
    const next = this.#next[block]!
    const previous = this.#previous[block]!
    this.#next[previous] = next
    this.#previous[next] = previous
    this.free--
  }
}
