/** A grid of numbers with the weight of each; null where there is none. */
export interface Weighed {
  readonly value: number
  readonly weight: number
}
export type Grid = readonly (readonly (Weighed | null)[])[]

/** Rounds of projections: a grid of 20 by 20 moves by less than a thousandth after some fifty. */
const rounds = 300

/**
 * The grid nearest to this one, by weighted squares, whose numbers fall along no row and no column (Dykstra's alternating
 * projections; each is an isotonic regression). Rows and columns may begin and end anywhere, without holes.
 */
export function rising(grid: Grid): (number | null)[][] {
  const height = grid.length
  const width = Math.max(...grid.map((row) => row.length))
  const weight = (y: number, x: number) => grid[y]?.[x]?.weight ?? 0
  const rows = grid.map((row, y) => row.flatMap((one, x) => (one ? [[y, x] as const] : [])))
  const columns = Array.from({ length: width }, (_, x) =>
    Array.from({ length: height }, (__, y) => [y, x] as const).filter(([y]) => grid[y]?.[x]),
  )
  const now = grid.map((row) => row.map((one) => one?.value ?? 0))
  const corrections = [rows, columns].map((lines) => ({
    lines,
    moved: now.map((row) => row.map(() => 0)),
  }))
  for (let round = 0; round < rounds; round++)
    for (const { lines, moved } of corrections)
      for (const line of lines) {
        const wanted = line.map(([y, x]) => now[y]![x]! + moved[y]![x]!)
        const found = risingLine(
          wanted,
          line.map(([y, x]) => weight(y, x)),
        )
        line.forEach(([y, x], at) => {
          moved[y]![x] = wanted[at]! - found[at]!
          now[y]![x] = found[at]!
        })
      }
  return grid.map((row, y) => row.map((one, x) => (one ? now[y]![x]! : null)))
}

/** Pool adjacent violators. */
function risingLine(values: readonly number[], weights: readonly number[]): number[] {
  const pools: { sum: number; weight: number; count: number }[] = []
  values.forEach((value, at) => {
    let last = { sum: value * weights[at]!, weight: weights[at]!, count: 1 }
    for (;;) {
      const before = pools.at(-1)
      if (!before || before.sum / before.weight <= last.sum / last.weight) break
      pools.pop()
      last = {
        sum: before.sum + last.sum,
        weight: before.weight + last.weight,
        count: before.count + last.count,
      }
    }
    pools.push(last)
  })
  return pools.flatMap(({ sum, weight, count }) =>
    Array.from({ length: count }, () => sum / weight),
  )
}
