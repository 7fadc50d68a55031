import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEventTemplate } from './event-template.ts'
import { readStreamEvent } from './stream-event.ts'

const event = (content: unknown, more: object = {}) =>
  JSON.stringify({
    id: 'x',
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
    ...more,
  })

describe('event template', () => {
  it('reads what a whole parse reads, or leaves it to that', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('"', '\\', 'x', '{"a":"b"}', ''),
    )
    fc.assert(
      fc.property(
        texts,
        fc.array(texts),
        fc.constantFrom({}, { usage: null }, { a: 'x' }),
        (first, rest, more) => {
          const template = createEventTemplate('chat')
          const learned = event(first, more)
          template.learn(learned, readStreamEvent(JSON.parse(learned), 'chat')!)
          for (const text of rest) {
            const read = template.textOf(event(text, more))
            if (read !== null) expect(read).toBe(text)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
  it('knows most events of a stream', () => {
    const template = createEventTemplate('chat')
    const first = event(' a')
    template.learn(first, readStreamEvent(JSON.parse(first), 'chat')!)
    expect(template.textOf(event(' 吃🐳'))).toBe(' 吃🐳')
    expect(template.textOf(event('say \\"hi\\"'))).toBeNull()
    expect(template.textOf(event(' b', { usage: { completion_tokens: 1 } }))).toBeNull()
    expect(template.textOf(JSON.stringify({ error: { message: 'x' } }))).toBeNull()
  })
})
