import { logGamma } from '../../../core/log-gamma.ts'

/**
 * Bounds of a share from `hits` of `total` that hold at every moment of watching at once, with that chance of ever
 * being wrong on one side: looking again and again is allowed. The mixture martingale of Robbins (1970) over a
 * Beta(½, ½) prior: all p whose likelihood ratio against the mixture has stayed below 1/chance.
 */
export function lowerShare(hits: number, total: number, chance: number): number {
  if (hits === 0) return 0
  const limit = -Math.log(chance)
  return bisect((p) => evidenceAgainst(p, hits, total) > limit, 0, hits / total)
}

export function upperShare(hits: number, total: number, chance: number): number {
  if (hits === total) return 1
  const limit = -Math.log(chance)
  return bisect((p) => evidenceAgainst(p, hits, total) <= limit, hits / total, 1)
}

/** Log of how much better the mixture explains what was seen than the share p does. */
function evidenceAgainst(p: number, hits: number, total: number): number {
  const misses = total - hits
  const seen = hits === 0 ? 0 : hits * Math.log(p)
  const unseen = misses === 0 ? 0 : misses * Math.log1p(-p)
  return logBeta(hits + 0.5, misses + 0.5) - logBeta(0.5, 0.5) - seen - unseen
}

const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b)

/** Where the answer turns from true to false. */
function bisect(isBelow: (x: number) => boolean, from: number, to: number): number {
  let low = from
  let high = to
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (isBelow(middle)) low = middle
    else high = middle
  }
  return (low + high) / 2
}
