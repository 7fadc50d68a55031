/** Uniform numbers in [0, 1). */
export type Random = () => number

/**
 * A seeded generator (mulberry32, public domain, Tommy Ettinger 2017): small, fast and the same everywhere.
 * Good enough for choices and jitter; never for secrets.
 */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
