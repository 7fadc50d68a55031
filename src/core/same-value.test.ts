import { describe, expect, it } from 'vitest'
import { sameValue } from './same-value.ts'

describe('sameValue', () => {
  it('compares what is said, not how', () => {
    expect(sameValue({ a: 1, b: { c: [1, 2] } }, { b: { c: [1, 2] }, a: 1 })).toBe(true)
    expect(sameValue({ a: 1, b: undefined }, { a: 1 })).toBe(true)
    expect(sameValue([1, 2], [2, 1])).toBe(false)
    expect(sameValue([1], [1, 2])).toBe(false)
    expect(sameValue({ a: null }, { a: {} })).toBe(false)
    expect(sameValue([], {})).toBe(false)
    expect(sameValue('1', 1)).toBe(false)
  })
})
