/** One measured time as a sum of feature × coefficient. */
export interface Observation {
  readonly features: readonly number[]
  readonly measured: number
  readonly weight: number
}

export interface Prior {
  readonly value: readonly number[]
  /** How firmly each coefficient is held at its prior, in units of squared logarithm. */
  readonly pull: readonly number[]
}

/**
 * Positive coefficients that bring the logarithm of the sum closest to the logarithm of what was measured: absolute
 * error beyond `tolerance`, squared within, so that a mislabelled run pulls no harder than any other.
 */
export function fitPositive(
  observations: readonly Observation[],
  prior: Prior,
  start: readonly number[] = prior.value,
  tolerance = 0.1,
): number[] {
  const size = prior.value.length
  const found = [...start]
  for (let round = 0; round < 40; round++) {
    const matrix = Array.from({ length: size }, () => new Float64Array(size))
    const target = new Float64Array(size)
    for (const one of observations) accumulate(one, found, matrix, target, tolerance)
    for (let at = 0; at < size; at++) {
      const pull = (prior.pull[at] ?? 0) + 1e-9
      const row = matrix[at] as Float64Array
      row[at] = (row[at] ?? 0) + pull
      target[at] = (target[at] ?? 0) - pull * Math.log((found[at] ?? 1) / (prior.value[at] ?? 1))
    }
    const step = solve(matrix, target)
    let largest = 0
    for (let at = 0; at < size; at++) {
      const bounded = Math.min(0.5, Math.max(-0.5, step[at] ?? 0))
      found[at] = (found[at] ?? 1) * Math.exp(bounded)
      largest = Math.max(largest, Math.abs(bounded))
    }
    if (largest < 1e-3) break
  }
  return found
}

function accumulate(
  one: Observation,
  coefficients: readonly number[],
  matrix: readonly Float64Array[],
  target: Float64Array,
  tolerance: number,
): void {
  const parts = one.features.map((feature, at) => feature * (coefficients[at] ?? 0))
  const sum = parts.reduce((total, part) => total + part, 0)
  if (!(sum > 0)) return
  const error = Math.log(sum / one.measured)
  const weight = one.weight / Math.max(Math.abs(error), tolerance)
  const slope = parts.map((part) => part / sum)
  for (let a = 0; a < slope.length; a++) {
    const first = slope[a] as number
    if (first === 0) continue
    target[a] = (target[a] as number) - weight * first * error
    const row = matrix[a] as Float64Array
    for (let b = 0; b < slope.length; b++)
      row[b] = (row[b] as number) + weight * first * (slope[b] as number)
  }
}

/** A group of runs of one kind: its median residual, and the keys of the effects that it shows. */
export interface Cell {
  readonly residual: number
  readonly weight: number
  readonly keys: readonly string[]
}

/** Ridge regression of residuals on effects; an effect seen in one cell only moves as far as `pull` lets it. */
export function fitEffects(
  cells: readonly Cell[],
  pullOf: (key: string) => number,
  tolerance = 0.2,
): Map<string, number> {
  const keys = [...new Set(cells.flatMap((cell) => cell.keys))]
  const index = new Map(keys.map((key, at) => [key, at]))
  const columns = cells.map((cell) => cell.keys.map((key) => index.get(key) as number))
  let effects: ArrayLike<number> = new Float64Array(keys.length)
  for (let round = 0; round < 8; round++) {
    const matrix = keys.map(() => new Float64Array(keys.length))
    const target = new Float64Array(keys.length)
    cells.forEach((cell, at) => {
      const own = columns[at] as number[]
      const explained = own.reduce((sum, column) => sum + (effects[column] as number), 0)
      const weight = cell.weight / Math.max(1, Math.abs(cell.residual - explained) / tolerance)
      for (const a of own) {
        target[a] = (target[a] as number) + weight * cell.residual
        const row = matrix[a] as Float64Array
        for (const b of own) row[b] = (row[b] as number) + weight
      }
    })
    keys.forEach((key, at) => {
      const row = matrix[at] as Float64Array
      row[at] = (row[at] as number) + pullOf(key)
    })
    effects = Float64Array.from(solve(matrix, target))
  }
  return new Map(keys.map((key, at) => [key, effects[at] as number]))
}

/** Gauss–Jordan with partial pivoting. */
export function solve(matrix: readonly Float64Array[], target: Float64Array): number[] {
  const size = target.length
  const rows = matrix.map((row, at) => Float64Array.from([...row, target[at] as number]))
  for (let pivot = 0; pivot < size; pivot++) {
    let best = pivot
    for (let at = pivot + 1; at < size; at++)
      if (Math.abs(rows[at]?.[pivot] ?? 0) > Math.abs(rows[best]?.[pivot] ?? 0)) best = at
    const row = rows[best] as Float64Array<ArrayBuffer>
    rows[best] = rows[pivot] as Float64Array<ArrayBuffer>
    rows[pivot] = row
    const head = row[pivot] || 1e-12
    for (let at = 0; at < size; at++) {
      const other = rows[at] as Float64Array
      const factor = at === pivot ? 0 : (other[pivot] as number) / head
      if (factor !== 0)
        for (let c = pivot; c <= size; c++)
          other[c] = (other[c] as number) - factor * (row[c] as number)
    }
  }
  return rows.map((row, at) => (row[size] as number) / (row[at] || 1e-12))
}
