/** A Float64Array that grows: schedules have millions of entries. */
export interface Growing {
  push(value: number): void
  readonly length: number
  finish(): Float64Array
}

export function createGrowing(capacity = 1024): Growing {
  let values = new Float64Array(Math.max(16, Math.ceil(capacity)))
  let length = 0
  return {
    push(value) {
      if (length === values.length) {
        const larger = new Float64Array(values.length * 2)
        larger.set(values)
        values = larger
      }
      values[length++] = value
    },
    get length() {
      return length
    },
    finish: () => values.slice(0, length),
  }
}
