import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quantiseQ8 } from './quantise.ts'

const floats = fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), {
  minLength: 32,
  maxLength: 32,
})

function dequantise(block: Uint8Array): number[] {
  const view = new DataView(block.buffer)
  const scale = view.getFloat16(0, true)
  return Array.from({ length: 32 }, (_, index) => view.getInt8(2 + index) * scale)
}

test('a block comes back within half a step', () => {
  fc.assert(
    fc.property(floats, (values) => {
      const largest = Math.max(...values.map(Math.abs))
      fc.pre(largest > 1e-2)
      const step = largest / 127
      // The scale itself is rounded to 11 bits, which moves the largest value by at most 2^-11 of it.
      const tolerance = step / 2 + largest * 2 ** -10
      for (const [index, value] of dequantise(quantiseQ8(Float32Array.from(values))).entries())
        expect(Math.abs(value - values[index]!)).toBeLessThanOrEqual(tolerance)
    }),
  )
})

test('the largest value of a block becomes 127, halves go to the even neighbour', () => {
  const values = new Float32Array(32)
  values.set([127, -127, 0.5, 1.5, 2.5, -0.5, -1.5])
  const block = quantiseQ8(values)
  expect([...new Int8Array(block.buffer, 2, 7)]).toEqual([127, -127, 0, 2, 2, 0, -2])
  expect(new DataView(block.buffer).getFloat16(0, true)).toBe(1)
})

test('zeros stay zeros', () => {
  expect(quantiseQ8(new Float32Array(64))).toEqual(new Uint8Array(68))
})
