import { expect, test } from 'vitest'
import { resolveAccelerator } from '../accelerators/resolve-accelerator.ts'
import { oneShotUs } from './collective.ts'

const h200 = resolveAccelerator('h200')!
const tokenBytes = 8192 * 2

test('in one shot every rank sends all it has to each other one: on eight ranks four times the bytes', () => {
  const of = (ranks: number) => oneShotUs(h200, ranks, 64, 64 * tokenBytes)
  // (n - 1) whole buffers in place of 2 (n - 1) / n of one.
  expect(of(2)).toBe(0)
  expect(of(8) / of(4)).toBeGreaterThan(2)
  expect(oneShotUs(h200, 8, 128, 128 * tokenBytes)).toBeCloseTo(2 * of(8))
})

test('many tokens, and devices without a switch, take two shots', () => {
  expect(oneShotUs(h200, 8, 129, 129 * tokenBytes)).toBe(0)
  expect(oneShotUs(resolveAccelerator('l40s')!, 8, 64, 64 * tokenBytes)).toBe(0)
})
