/** One rate that was tried. */
export interface RatePoint {
  readonly ratePerS: number
  readonly good: number
  readonly total: number
}

/**
 * Attainment can only fall with the rate: pools neighbours that say otherwise (pool adjacent violators). Returns the
 * points by rate with their fitted shares.
 */
export function fallingShares(points: readonly RatePoint[]): { ratePerS: number; share: number }[] {
  const sorted = points.toSorted((a, b) => a.ratePerS - b.ratePerS)
  const blocks: { good: number; total: number; rates: number[] }[] = []
  for (const { ratePerS, good, total } of sorted) {
    blocks.push({ good, total, rates: [ratePerS] })
    for (let last = blocks.at(-1)!, before = blocks.at(-2); before; before = blocks.at(-2)) {
      if (before.good / before.total >= last.good / last.total) break
      blocks.splice(-2, 2, {
        good: before.good + last.good,
        total: before.total + last.total,
        rates: [...before.rates, ...last.rates],
      })
      last = blocks.at(-1)!
    }
  }
  return blocks.flatMap(({ good, total, rates }) =>
    rates.map((ratePerS) => ({ ratePerS, share: good / total })),
  )
}

/**
 * The rate at which the fitted share falls to the target. Between two points the share of misses grows about
 * exponentially with the rate, as in a queue. Null: no point reaches the target, or none misses it.
 */
export function crossing(points: readonly RatePoint[], target: number): number | null {
  const curve = fallingShares(points)
  const after = curve.findIndex(({ share }) => share < target)
  const [low, high] = [curve[after - 1], curve[after]]
  if (low === undefined || high === undefined) return null
  const misses = (share: number) => Math.log(Math.max(1 - share, (1 - target) / 20))
  const position =
    (misses(target) - misses(low.share)) / Math.max(1e-9, misses(high.share) - misses(low.share))
  return low.ratePerS * (high.ratePerS / low.ratePerS) ** Math.min(1, Math.max(0, position))
}
