import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventStream } from './event-stream.ts'

const chunk = (delta: object, more: object = {}) =>
  `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta }], ...more })}\n\n`
const role = chunk({ role: 'assistant', content: '' })
const words = ['Hello', ' "usage"', ' {', ' wörld'].map((content) =>
  chunk({ content }, { usage: null }),
)
const usage = `data: ${JSON.stringify({ id: 'c', choices: [], usage: { prompt_tokens: 7, completion_tokens: 4, total_tokens: 11, prompt_tokens_details: { cached_tokens: 3 } } })}\n\n`
const done = 'data: [DONE]\n\n'

function pass(stream: EventStream, bytes: Buffer, cuts: readonly number[]): string {
  const edges = [
    0,
    ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ]
  const parts: Buffer[] = []
  for (let at = 1; at < edges.length; at++) {
    if (edges[at - 1] === edges[at]) continue
    const part = stream.push(bytes.subarray(edges[at - 1], edges[at]))
    if (part) parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

const cuts = fc.array(fc.nat(), { maxLength: 40 })

describe('event stream', () => {
  it('passes everything on, however the engine cuts it', () => {
    const text = [role, ...words, usage, done].join('')
    for (const ending of ['\n\n', '\r\n\r\n'])
      fc.assert(
        fc.property(cuts, (places) => {
          const whole = text.replaceAll('\n\n', ending)
          const stream = new EventStream(false)
          expect(pass(stream, Buffer.from(whole), places)).toBe(whole)
          expect(stream.usage).toEqual({ promptTokens: 7, completionTokens: 4, cachedTokens: 3 })
          expect(stream.isDone).toBe(true)
        }),
      )
  })

  it('keeps to itself the usage that only the gateway asked for', () => {
    fc.assert(
      fc.property(cuts, (places) => {
        const stream = new EventStream(true)
        const bytes = Buffer.from([role, ...words, usage, done].join(''))
        expect(pass(stream, bytes, places)).toBe([role, ...words, done].join(''))
        expect(stream.usage?.promptTokens).toBe(7)
      }),
    )
  })

  it('never passes on a part of a frame', () => {
    fc.assert(
      fc.property(cuts, (places) => {
        const bytes = Buffer.from([role, ...words].join(''))
        const stream = new EventStream(false)
        for (const [at, place] of places.entries()) {
          const part = stream.push(
            bytes.subarray(place % bytes.length, (place % bytes.length) + at),
          )
          if (part) expect(part.toString()).toMatch(/\n\n$/)
        }
      }),
    )
  })

  it('keeps a usage that comes with the last content', () => {
    const last = chunk({ content: '!' }, { usage: { prompt_tokens: 1, completion_tokens: 2 } })
    const stream = new EventStream(true)
    expect(pass(stream, Buffer.from(last + done), [])).toBe(last + done)
    expect(stream.usage?.completionTokens).toBe(2)
  })

  it.each([
    ['the role alone is no content', role, 0],
    ['text of a chat', chunk({ content: 'a' }), 1],
    ['a tool call', chunk({ content: null, tool_calls: [{ index: 0 }] }), 1],
    ['reasoning', chunk({ reasoning_content: 'hm' }), 1],
    ['text of a completion', 'data: {"choices":[{"text":"a"}]}\n\n', 1],
    ['an empty text', 'data: {"choices":[{"text":""}]}\n\n', 0],
    ['a comment', ': waiting\n\n', 0],
    ['a frame that is not JSON', 'data: {\n\n', 0],
    ['choices of nothing', 'data: {"choices":[null]}\n\n', 0],
  ])('%s', (_, frame, chunks) => {
    const stream = new EventStream(false)
    expect(stream.push(Buffer.from(frame))?.toString()).toBe(frame)
    expect(stream.contentChunks).toBe(chunks)
  })

  it('notices an error that the engine puts into the stream', () => {
    const stream = new EventStream(false)
    stream.push(Buffer.from(words.join('')))
    stream.push(Buffer.from('data: {"error":{"message":"out of memory"}}\n\n'))
    expect(stream.hasError).toBe(true)
  })

  it('takes [DONE] only as a whole frame of its own', () => {
    const stream = new EventStream(false)
    stream.push(Buffer.from(chunk({ content: 'data: [DONE]' })))
    stream.push(Buffer.from(': [DONE] soon]\n\n'))
    expect(stream.isDone).toBe(false)
  })

  it('gives up on a frame without an end', () => {
    const stream = new EventStream(false)
    const block = Buffer.alloc(2 ** 20, 0x61)
    for (let sent = 0; sent < 9; sent++) stream.push(block)
    expect(stream.isOversized).toBe(true)
  })
})
