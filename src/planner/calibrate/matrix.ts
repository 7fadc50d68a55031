/** Small dense symmetric matrices, as rows. */
export type Matrix = readonly Float64Array[]

/** Lower factor of a positive definite matrix. Throws RangeError where it is none. */
function cholesky(matrix: Matrix): Float64Array[] {
  const lower = matrix.map((row) => new Float64Array(row.length))
  for (let row = 0; row < matrix.length; row++)
    for (let column = 0; column <= row; column++) {
      let sum = matrix[row]![column]!
      for (let at = 0; at < column; at++) sum -= lower[row]![at]! * lower[column]![at]!
      if (row !== column) lower[row]![column] = sum / lower[column]![column]!
      else if (sum > 0) lower[row]![row] = Math.sqrt(sum)
      else throw new RangeError('not positive definite')
    }
  return lower
}

/** The inverse of a positive definite matrix. */
export function inverse(matrix: Matrix): Float64Array[] {
  const lower = cholesky(matrix)
  const size = matrix.length
  const columns = Array.from({ length: size }, (_, unit) => {
    const found = new Float64Array(size)
    for (let row = 0; row < size; row++) {
      let sum = row === unit ? 1 : 0
      for (let at = 0; at < row; at++) sum -= lower[row]![at]! * found[at]!
      found[row] = sum / lower[row]![row]!
    }
    for (let row = size - 1; row >= 0; row--) {
      let sum = found[row]!
      for (let at = row + 1; at < size; at++) sum -= lower[at]![row]! * found[at]!
      found[row] = sum / lower[row]![row]!
    }
    return found
  })
  return columns
}

export const multiply = (matrix: Matrix, vector: ArrayLike<number>): Float64Array =>
  Float64Array.from(matrix, (row) => dot(row, vector))

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  return sum
}
