import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editDistance, nearest } from './nearest.ts'

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['serve', 'serve', 0],
    ['srve', 'serve', 1],
    ['depoly', 'deploy', 1],
    ['kitten', 'sitting', 3],
  ])('%s → %s', (from, to, distance) => expect(editDistance(from, to)).toBe(distance))

  it('is the same both ways, and no longer than the longer text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const distance = editDistance(one, other)
        expect(distance).toBe(editDistance(other, one))
        expect(distance).toBeLessThanOrEqual(Math.max(one.length, other.length))
      }),
    )
  })
})

describe('nearest', () => {
  it('finds what was meant, and nothing where nothing is close', () => {
    const commands = ['serve', 'deploy', 'ps', 'stop']
    expect(nearest('depoly', commands)).toBe('deploy')
    expect(nearest('SERV', commands)).toBe('serve')
    expect(nearest('moonlight', commands)).toBe(null)
    expect(nearest('nope', ['role'])).toBe(null)
    expect(nearest('xy', commands)).toBe(null)
    expect(nearest('x', [])).toBe(null)
  })
})
