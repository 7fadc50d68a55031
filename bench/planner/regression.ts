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
  for (let round = 0; round < 5; round++) {
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
    effects = solve(matrix, target)
  }
  return new Map(keys.map((key, at) => [key, effects[at] as number]))
}

/** Solves a symmetric, positive definite system by Cholesky's factors; the matrix is left as it is. */
export function solve(matrix: readonly Float64Array[], target: Float64Array): Float64Array {
  const size = target.length
  const lower = matrix.map((row) => Float64Array.from(row))
  for (let column = 0; column < size; column++) {
    const own = lower[column] as Float64Array
    for (let row = column; row < size; row++) {
      const cells = lower[row] as Float64Array
      let sum = cells[column] as number
      for (let at = 0; at < column; at++) sum -= (cells[at] as number) * (own[at] as number)
      cells[column] =
        row === column ? Math.sqrt(Math.max(sum, 1e-12)) : sum / (own[column] as number)
    }
  }
  const found = Float64Array.from(target)
  for (let row = 0; row < size; row++) {
    const cells = lower[row] as Float64Array
    let sum = found[row] as number
    for (let at = 0; at < row; at++) sum -= (cells[at] as number) * (found[at] as number)
    found[row] = sum / (cells[row] as number)
  }
  for (let row = size - 1; row >= 0; row--) {
    let sum = found[row] as number
    for (let at = row + 1; at < size; at++)
      sum -= (lower[at]?.[row] as number) * (found[at] as number)
    found[row] = sum / (lower[row]?.[row] as number)
  }
  return found
}
