import { moments } from './dispersion.ts'
import { normalTail, studentT } from './special.ts'

/** Mann–Kendall: chance that a series without trend looks as ordered as this one. 1 below four values. */
export function trendChance(values: ArrayLike<number>): number {
  const n = values.length
  if (n < 4) return 1
  let s = 0
  for (let late = 1; late < n; late++)
    for (let early = 0; early < late; early++) s += Math.sign(values[late]! - values[early]!)
  const variance = (n * (n - 1) * (2 * n + 5)) / 18
  return normalTail(Math.max(0, Math.abs(s) - 1) / Math.sqrt(variance))
}

/** Least-squares slope per step with its 95 % half-width. */
export function slope(values: ArrayLike<number>): { slope: number; halfWidth: number } {
  const n = values.length
  if (n < 3) return { slope: 0, halfWidth: Infinity }
  const middle = (n - 1) / 2
  const { mean } = moments(values)
  let cross = 0
  let squares = 0
  for (let index = 0; index < n; index++) {
    cross += (index - middle) * (values[index]! - mean)
    squares += (index - middle) ** 2
  }
  const b = cross / squares
  let residual = 0
  for (let index = 0; index < n; index++)
    residual += (values[index]! - mean - b * (index - middle)) ** 2
  return { slope: b, halfWidth: studentT(0.95, n - 2) * Math.sqrt(residual / (n - 2) / squares) }
}

/** Pettitt: the likeliest place of a lasting change of level, and the chance of one as clear without any change. */
export function levelShift(values: ArrayLike<number>): { at: number; chance: number } {
  const n = values.length
  let best = 0
  let at = 0
  for (let split = 1; split < n; split++) {
    let u = 0
    for (let late = split; late < n; late++)
      for (let early = 0; early < split; early++) u += Math.sign(values[early]! - values[late]!)
    if (Math.abs(u) > best) {
      best = Math.abs(u)
      at = split
    }
  }
  return { at, chance: Math.min(1, 2 * Math.exp((-6 * best * best) / (n ** 3 + n ** 2))) }
}

/**
 * MSER-5 (White 1997): how many leading values to drop so that the mean of the rest is surest; half of them at most,
 * because short rests look sure by chance.
 */
export function startUpLength(values: ArrayLike<number>): number {
  const batch = 5
  const means = Array.from({ length: Math.floor(values.length / batch) }, (_, index) => {
    let sum = 0
    for (let offset = 0; offset < batch; offset++) sum += values[index * batch + offset]!
    return sum / batch
  })
  const k = means.length
  let best = Infinity
  let drop = 0
  for (let d = 0; d <= k / 2; d++) {
    const rest = means.slice(d)
    const { variance } = moments(rest)
    const error = (variance * (rest.length - 1)) / rest.length ** 2
    if (error < best) {
      best = error
      drop = d
    }
  }
  return drop * batch
}
