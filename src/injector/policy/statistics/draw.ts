import type { Random } from '../../../core/random.ts'

/** Exponential with mean 1. */
export const drawExponential = (random: Random): number => -Math.log(1 - random())

/** Standard normal, by Box and Muller; the second value of each pair is left unused to keep the function stateless. */
export const drawNormal = (random: Random): number =>
  Math.sqrt(2 * drawExponential(random)) * Math.cos(2 * Math.PI * random())

/** Gamma with the given shape and scale 1 (Marsaglia and Tsang 2000). */
export function drawGamma(shape: number, random: Random): number {
  if (shape < 1) return drawGamma(shape + 1, random) * Math.pow(1 - random(), 1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = drawNormal(random)
    const v = (1 + c * x) ** 3
    if (v <= 0) continue
    if (drawExponential(random) > -(0.5 * x * x + d - d * v + d * Math.log(v))) return d * v
  }
}

/** An index with chance proportional to its weight. */
export function drawIndex(weights: readonly number[], random: Random): number {
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [index, weight] of weights.entries()) {
    left -= weight
    if (left < 0) return index
  }
  return weights.length - 1
}

/**
 * Independent streams from one seed, so that arrivals do not change when lengths draw once more. FNV-1a over the
 * name, folded into the seed.
 */
export function streamSeed(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let index = 0; index < name.length; index++)
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193) >>> 0
  return Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) >>> 0
}
