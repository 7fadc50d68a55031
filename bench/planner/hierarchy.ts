import { farTrust } from './eras.ts'
import { solve } from './regression.ts'

/** One measured time as a sum of feature × coefficient of the group (an era of an engine) that it belongs to. */
export interface GroupedObservation {
  readonly group: string
  readonly features: readonly number[]
  readonly measured: number
  readonly weight: number
}

/** What is believed before anything was measured. */
export interface Belief {
  readonly value: readonly number[]
  /** How firmly what all groups share is held at `value`, in units of squared logarithm. */
  readonly pull: readonly number[]
  /** How firmly a group is held at what all groups share. */
  readonly groupPull: readonly number[]
  /** Groups that are held a tenth as firmly. Default: none. */
  readonly far?: ReadonlySet<string>
}

/**
 * Positive coefficients by group: what is shared times what is the group's own, so that a group that was measured little
 * borrows from the rest. Brings the logarithm of the sum closest to the logarithm of what was measured: absolute error
 * beyond `tolerance`, squared within, so that a mislabelled run pulls no harder than any other.
 */
export function fitHierarchy(
  observations: readonly GroupedObservation[],
  groups: readonly string[],
  belief: Belief,
  tolerance: number,
  start?: ReadonlyMap<string, readonly number[]>,
): Map<string, number[]> {
  const size = belief.value.length
  const shared = belief.value.map(Math.log)
  const own = groups.map((group) =>
    Array.from({ length: size }, (_, at) =>
      start?.get(group) ? Math.log(start.get(group)?.[at] ?? 1) - (shared[at] as number) : 0,
    ),
  )
  const blockOf = new Map(groups.map((group, at) => [group, at]))
  const firmness = groups.map((group) => (belief.far?.has(group) ? farTrust : 1))
  const coefficients = () =>
    own.map((deviation) => deviation.map((one, at) => Math.exp(one + (shared[at] as number))))
  for (let round = 0; round < (start ? 12 : 25); round++) {
    const current = coefficients()
    const blocks = groups.map(() => ({
      matrix: Array.from({ length: size }, () => new Float64Array(size)),
      target: new Float64Array(size),
    }))
    for (const one of observations) {
      const at = blockOf.get(one.group)
      if (at === undefined) continue
      const block = blocks[at] as (typeof blocks)[number]
      accumulate(one, current[at] as number[], block.matrix, block.target, tolerance)
    }
    const largest = advance(blocks, shared, own, belief, firmness)
    if (largest < 3e-3) break
  }
  const found = coefficients()
  return new Map(groups.map((group, at) => [group, found[at] as number[]]))
}

interface Block {
  readonly matrix: readonly Float64Array[]
  readonly target: Float64Array
}

/** One Gauss–Newton step for what is shared and what is each group's own, together. */
function advance(
  blocks: readonly Block[],
  shared: number[],
  own: readonly number[][],
  belief: Belief,
  firmness: readonly number[],
): number {
  const size = shared.length
  const whole = size * (blocks.length + 1)
  const matrix = Array.from({ length: whole }, () => new Float64Array(whole))
  const target = new Float64Array(whole)
  const add = (row: number, column: number, value: number) => {
    const cells = matrix[row] as Float64Array
    cells[column] = (cells[column] as number) + value
  }
  const push = (row: number, value: number) => (target[row] = (target[row] as number) + value)
  for (let a = 0; a < size; a++) {
    const pull = (belief.pull[a] as number) + 1e-9
    add(a, a, pull)
    push(a, -pull * ((shared[a] as number) - Math.log(belief.value[a] as number)))
  }
  blocks.forEach((block, group) => {
    const from = size * (group + 1)
    for (let a = 0; a < size; a++) {
      const pull = (belief.groupPull[a] as number) * (firmness[group] as number) + 1e-9
      const seen = block.target[a] as number
      push(a, seen)
      push(from + a, seen - pull * (own[group]?.[a] as number))
      add(from + a, from + a, pull)
      for (let b = 0; b < size; b++) {
        const value = block.matrix[Math.max(a, b)]?.[Math.min(a, b)] as number
        add(a, b, value)
        add(from + a, from + b, value)
        add(a, from + b, value)
        add(from + a, b, value)
      }
    }
  })
  const step = solve(matrix, target)
  let largest = 0
  const bounded = (at: number) => {
    const value = Math.min(0.5, Math.max(-0.5, step[at] ?? 0))
    largest = Math.max(largest, Math.abs(value))
    return value
  }
  for (let a = 0; a < size; a++) shared[a] = (shared[a] as number) + bounded(a)
  own.forEach((deviation, group) => {
    for (let a = 0; a < size; a++)
      deviation[a] = (deviation[a] as number) + bounded(size * (group + 1) + a)
  })
  return largest
}

function accumulate(
  one: GroupedObservation,
  coefficients: readonly number[],
  matrix: readonly Float64Array[],
  target: Float64Array,
  tolerance: number,
): void {
  const size = coefficients.length
  const parts = new Float64Array(size)
  let sum = 0
  for (let at = 0; at < size; at++) {
    const part = (one.features[at] as number) * (coefficients[at] as number)
    parts[at] = part
    sum += part
  }
  if (!(sum > 0)) return
  const error = Math.log(sum / one.measured)
  const weight = one.weight / Math.max(Math.abs(error), tolerance)
  for (let a = 0; a < size; a++) {
    const first = (parts[a] as number) / sum
    if (first === 0) continue
    target[a] = (target[a] as number) - weight * first * error
    // The lower half is enough: the matrix is symmetric.
    const row = matrix[a] as Float64Array
    const scale = (weight * first) / sum
    for (let b = 0; b <= a; b++) row[b] = (row[b] as number) + scale * (parts[b] as number)
  }
}
