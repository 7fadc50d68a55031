import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BlockPool } from './block-pool.ts'

test('a free block keeps its content until all blocks that were unused longer are taken', () => {
  const pool = new BlockPool(3)
  const [first, second] = [pool.take(), pool.take()]
  pool.name(first, 100)
  pool.name(second, 200)
  pool.release(second)
  pool.release(first)
  pool.take() // the third one was never used
  expect([pool.find(100), pool.find(200)]).toEqual([first, second])
  expect(pool.take()).toBe(second)
  expect([pool.find(100), pool.find(200)]).toEqual([first, -1])
})

test('who finds a free block takes it out of reach of others', () => {
  const pool = new BlockPool(1)
  pool.name(pool.take(), 7)
  pool.release(0)
  pool.hold(pool.find(7))
  expect(pool.free).toBe(0)
  expect(() => pool.take()).toThrow('empty pool')
})

test('the first block of a name keeps it', () => {
  const pool = new BlockPool(2)
  const [first, second] = [pool.take(), pool.take()]
  pool.name(first, 7)
  pool.name(second, 7)
  pool.release(second)
  pool.take() // takes the second again: its name was never its own
  expect(pool.find(7)).toBe(first)
})

/** Against the plainest bookkeeping there is. */
test('no block is given out twice, and none gets lost', () => {
  const action = fc.record({
    kind: fc.constantFrom('take', 'release', 'name', 'find'),
    pick: fc.nat(1000),
    hash: fc.nat(12),
  })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(action, { maxLength: 120 }),
      (size, actions) => {
        const pool = new BlockPool(size)
        const held: number[] = []
        for (const { kind, pick, hash } of actions) {
          if (kind === 'take' && pool.free > 0) {
            const block = pool.take()
            expect(held).not.toContain(block)
            held.push(block)
          } else if (kind === 'release' && held.length > 0) {
            pool.release(held.splice(pick % held.length, 1)[0]!)
          } else if (kind === 'name' && held.length > 0) {
            pool.name(held[pick % held.length]!, hash)
          } else if (kind === 'find') {
            const block = pool.find(hash)
            if (block >= 0) {
              pool.hold(block)
              held.push(block)
            }
          }
          expect(pool.free).toBe(size - new Set(held).size)
        }
        for (const block of held) pool.release(block)
        const all = Array.from({ length: size }, () => pool.take())
        expect(new Set(all).size).toBe(size)
      },
    ),
  )
})
