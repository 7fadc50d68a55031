const bucketsPerOctave = 32
/** 1 µs; what is shorter counts as that. */
const firstMs = 1e-3
const buckets = 35 * bucketsPerOctave

/** Gaps between tokens, by length: a bucket is 2 % wide, and a step adds all of its gaps at once. */
export class ItlHistogram {
  readonly #counts = new Float64Array(buckets)
  count = 0
  #lastMs = Number.NaN
  #lastBucket = 0

  add(gapMs: number, gaps: number): void {
    if (gaps === 0) return
    if (gapMs !== this.#lastMs) {
      this.#lastMs = gapMs
      const bucket = Math.floor(Math.log2(gapMs / firstMs) * bucketsPerOctave)
      this.#lastBucket = Math.min(buckets - 1, Math.max(0, bucket))
    }
    this.#counts[this.#lastBucket]! += gaps
    this.count += gaps
  }

  merge(other: ItlHistogram): void {
    for (let at = 0; at < buckets; at++) this.#counts[at]! += other.#counts[at]!
    this.count += other.count
  }

  /** Within 2 %; NaN where nothing was added. */
  quantileMs(share: number): number {
    if (this.count === 0) return Number.NaN
    let left = share * this.count
    for (let at = 0; at < buckets; at++) {
      left -= this.#counts[at]!
      if (left <= 0) return firstMs * 2 ** ((at + 0.5) / bucketsPerOctave)
    }
    return Number.NaN
  }
}
