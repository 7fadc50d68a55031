import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventQueue } from './event-queue.ts'

test('events come by time, those of one time in the order they were added', () => {
  const step = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant('pop' as const))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const queue = new EventQueue()
      const expected: { atMs: number; subject: number }[] = []
      for (const [subject, one] of steps.entries()) {
        if (one !== 'pop') {
          queue.add(one, subject % 5, subject)
          expected.push({ atMs: one, subject })
          continue
        }
        expected.sort((a, b) => a.atMs - b.atMs || a.subject - b.subject)
        const next = expected.shift()
        expect(queue.nextMs).toBe(next?.atMs ?? Infinity)
        if (!next) continue
        queue.pop()
        expect(queue).toMatchObject({ ...next, kind: next.subject % 5, size: expected.length })
      }
    }),
  )
})
