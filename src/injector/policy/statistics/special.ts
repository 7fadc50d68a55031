import { logGamma } from '../../../core/log-gamma.ts'

/**
 * I_x(a, b): the chance that a Beta(a, b) variable is at most x. Lentz' continued fraction, as in Numerical Recipes
 * §6.4, good to about 1e-12.
 */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x),
  )
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(x, a, b)) / a
    : 1 - (front * betaFraction(1 - x, b, a)) / b
}

/** P(at least `k` of `n` succeed), each with chance `p`. */
export function binomialAtLeast(k: number, n: number, p: number): number {
  if (k <= 0) return 1
  return k > n ? 0 : incompleteBeta(p, k, n - k + 1)
}

/** The t for which a Student variable with `freedom` degrees lies within ±t with chance `confidence`. */
export function studentT(confidence: number, freedom: number): number {
  const tail = 1 - confidence
  return bisect((t) => incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5) - tail, 0, 1e4)
}

/** Two-sided chance of a Student variable at least as far out as `t`. */
export const studentTail = (t: number, freedom: number): number =>
  incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5)

/** Two-sided chance of a standard normal variable at least as far out as `z` (a Student with many degrees). */
export const normalTail = (z: number): number => studentTail(z, 1e7)

/** Exact (Clopper–Pearson) two-sided interval of a share. */
export function shareInterval(good: number, total: number, confidence: number): [number, number] {
  const tail = (1 - confidence) / 2
  const low = good === 0 ? 0 : bisect((p) => tail - binomialAtLeast(good, total, p), 0, 1)
  const high =
    good === total ? 1 : bisect((p) => 1 - binomialAtLeast(good + 1, total, p) - tail, 0, 1)
  return [low, high]
}

/** Root of a falling function. */
function bisect(f: (x: number) => number, from: number, to: number): number {
  let low = from
  let high = to
  for (let step = 0; step < 100 && high - low > 1e-12 * Math.max(1, high); step++) {
    const middle = (low + high) / 2
    if (f(middle) > 0) low = middle
    else high = middle
  }
  return (low + high) / 2
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300
  const guard = (value: number) => (Math.abs(value) < tiny ? tiny : value)
  let c = 1
  let d = 1 / guard(1 - ((a + b) * x) / (a + 1))
  let result = d
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / guard(1 + even * d)
    c = guard(1 + even / c)
    result *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / guard(1 + odd * d)
    c = guard(1 + odd / c)
    const change = d * c
    result *= change
    if (Math.abs(change - 1) < 1e-14) break
  }
  return result
}
