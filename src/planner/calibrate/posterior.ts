import { dot, inverse, type Matrix, multiply } from './matrix.ts'

/** One logarithm of a measured figure, and what it may be off by. */
export interface Measured {
  readonly log: number
  /** Index of its kind of figure: those of a kind share their noise. */
  readonly kind: number
}

/** Logarithms of the figures that the parameters foresee, one for each that was measured. */
export type Foresee = (parameters: Float64Array) => readonly number[]

export interface NoisePrior {
  /** Standard deviation of the logarithm that runs are expected to scatter by. */
  readonly deviation: number
  /** How many runs that expectation is worth. */
  readonly runs: number
}

export interface Posterior {
  readonly mean: Float64Array
  readonly covariance: Matrix
  /** By kind. */
  readonly noise: readonly number[]
}

/**
 * Most probable parameters under a normal prior around nothing and noise with Student's tails, and their covariance by
 * Laplace's approximation. The slope of `foresee` is taken by differences; where there is one already (`slopes`), as
 * when a few runs are left out, it is kept.
 */
export function posterior(
  measured: readonly Measured[],
  foresee: Foresee,
  priorPrecision: Matrix,
  noisePriors: readonly NoisePrior[],
  start: Float64Array = new Float64Array(priorPrecision.length),
  slopes: Matrix | null = null,
): Posterior & { readonly slopes: Matrix } {
  let at = start
  let noise = noisePriors.map(({ deviation }) => deviation)
  let slope = slopes ?? slopesOf(foresee, at)
  let covariance: Matrix = inverse(priorPrecision)
  let residuals = residualsOf(measured, foresee(at))
  for (let round = 0; round < roundsMax; round++) {
    if (slopes === null && round > 0) slope = slopesOf(foresee, at)
    const weights = residuals.map((residual, row) =>
      weightOf(residual, noise[measured[row]!.kind]!),
    )
    covariance = inverse(precision(priorPrecision, slope, weights))
    const pull = multiply(priorPrecision, at).map((value) => -value)
    residuals.forEach((residual, row) => {
      for (let one = 0; one < pull.length; one++)
        pull[one]! += weights[row]! * slope[row]![one]! * residual
    })
    const step = multiply(covariance, pull)
    const cost = (where: Float64Array, left: readonly number[]) =>
      dot(where, multiply(priorPrecision, where)) +
      left.reduce((sum, residual, row) => sum + loss(residual, noise[measured[row]!.kind]!), 0)
    const before = cost(at, residuals)
    let length = 1
    let next = at
    let left = residuals
    for (; length > 1e-3; length /= 2) {
      next = at.map((value, one) => value + length * step[one]!)
      left = residualsOf(measured, foresee(next))
      if (cost(next, left) <= before + 1e-12) break
    }
    if (length <= 1e-3) break
    at = next
    residuals = left
    noise = noisePriors.map((prior, kind) => noiseOf(prior, measured, residuals, kind))
    if (Math.max(...step.map((value) => Math.abs(value * length))) < 1e-3) break
  }
  const weights = residuals.map((residual, row) => weightOf(residual, noise[measured[row]!.kind]!))
  return {
    mean: at,
    covariance: inverse(precision(priorPrecision, slope, weights)),
    noise,
    slopes: slope,
  }
}

const roundsMax = 25

/** Degrees of freedom of the noise: one odd run in ten is ordinary. */
const tails = 4

const weightOf = (residual: number, deviation: number): number =>
  (tails + 1) / (tails * deviation * deviation + residual * residual)

const loss = (residual: number, deviation: number): number =>
  (tails + 1) * Math.log1p((residual * residual) / (tails * deviation * deviation))

function noiseOf(
  { deviation, runs }: NoisePrior,
  measured: readonly Measured[],
  residuals: readonly number[],
  kind: number,
): number {
  let sum = runs * deviation * deviation
  let count = runs
  residuals.forEach((residual, row) => {
    if (measured[row]!.kind !== kind) return
    // An outlier is the business of the tails, not of the width.
    sum += Math.min(residual * residual, 9 * deviation * deviation)
    count++
  })
  return Math.sqrt(sum / count)
}

const residualsOf = (measured: readonly Measured[], foreseen: readonly number[]): number[] =>
  measured.map(({ log }, row) => log - foreseen[row]!)

function precision(prior: Matrix, slopes: Matrix, weights: readonly number[]): Float64Array[] {
  const sum = prior.map((row) => Float64Array.from(row))
  slopes.forEach((slope, row) => {
    for (let a = 0; a < slope.length; a++) {
      if (slope[a] === 0) continue
      for (let b = 0; b < slope.length; b++) sum[a]![b]! += weights[row]! * slope[a]! * slope[b]!
    }
  })
  return sum
}

function slopesOf(foresee: Foresee, at: Float64Array): Float64Array[] {
  const width = 0.02
  const rows = foresee(at).map(() => new Float64Array(at.length))
  for (let one = 0; one < at.length; one++) {
    const shifted = (by: number) =>
      foresee(at.map((value, index) => (index === one ? value + by : value)))
    const high = shifted(width)
    const low = shifted(-width)
    rows.forEach((row, index) => (row[one] = (high[index]! - low[index]!) / (2 * width)))
  }
  return rows
}
