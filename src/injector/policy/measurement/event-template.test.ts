import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventTemplate } from './event-template.ts'
import { readStreamEvent } from './stream-event.ts'

const event = (content: unknown, more: object = {}) =>
  JSON.stringify({
    id: 'x',
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
    ...more,
  })
const framed = (data: string, end = '\n') => Buffer.from(`data: ${data}${end}${end}`)

function learned(data: string, end = '\n'): EventTemplate {
  const template = new EventTemplate('chat')
  const bytes = framed(data, end)
  const place = { start: 0, dataStart: 6, end: bytes.length }
  template.learn(bytes, place, data, readStreamEvent(JSON.parse(data), 'chat')!)
  return template
}

/** Text of the event if the template knows it; it has to end where the bytes do. Stale bytes stand around it. */
function read(template: EventTemplate, bytes: Buffer): string | null {
  const around = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('"}\n\nxx')])
  const end = template.match(around, 2, 2 + bytes.length)
  if (end === -1) return null
  expect(end).toBe(2 + bytes.length)
  return around.toString('utf8', template.textStart, template.textEnd)
}

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
        fc.constantFrom('\n', '\r\n', '\r'),
        (first, rest, more, end) => {
          const template = learned(event(first, more), end)
          for (const text of rest) {
            const found = read(template, framed(event(text, more), end))
            if (found !== null) expect(found).toBe(text)
          }
        },
      ),
      { numRuns: 500 },
    )
  })
  it('knows most events of a stream', () => {
    const template = learned(event(' a'))
    expect(read(template, framed(event(' 吃🐳')))).toBe(' 吃🐳')
    expect(read(template, framed(event('say "hi"')))).toBeNull()
    expect(read(template, framed(event(' b', { usage: { completion_tokens: 1 } })))).toBeNull()
    expect(read(template, framed(JSON.stringify({ error: { message: 'x' } })))).toBeNull()
  })
  it('never reads beyond what has come', () => {
    const template = learned(event(' a'))
    const whole = framed(event(' b'))
    for (let length = 0; length < whole.length; length++)
      expect(read(template, whole.subarray(0, length))).toBeNull()
  })
  it('leaves a line that breaks inside its text to the parser', () => {
    const template = learned(event(' a'))
    expect(read(template, framed(event('bc').replace('bc', 'b\nc')))).toBeNull()
  })
})
