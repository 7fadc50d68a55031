import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { syntheticImage } from '../policy/workload/synthetic-image.ts'
import { readDataset } from './dataset.ts'
import { createImageTemplate } from './image-template.ts'
import { readSessions } from './sessions.ts'

const folder = mkdtempSync(join(tmpdir(), 'baleen-sessions-'))
afterAll(() => rmSync(folder, { recursive: true }))
function write(name: string, content: unknown): string {
  const path = join(folder, name)
  const text = Array.isArray(content)
    ? content.map((row) => JSON.stringify(row)).join('\n')
    : typeof content === 'string'
      ? content
      : JSON.stringify(content, null, 2)
  writeFileSync(path, text)
  return path
}

const user = (content: string) => ({ role: 'user', content })
const assistant = (content: string) => ({ role: 'assistant', content })

describe('OpenTelemetry spans', () => {
  const span = (id: string, startS: number, endS: number, messages: object[], text: string) => ({
    trace_id: 't',
    span_id: id,
    parent_span_id: null,
    start_time: `2026-01-01T00:00:${String(startS).padStart(2, '0')}.000000`,
    end_time: `2026-01-01T00:00:${String(endS).padStart(2, '0')}.000000`,
    attributes: {
      'gen_ai.request.model': 'big',
      'gen_ai.input.messages': JSON.stringify(messages),
      'gen_ai.output.text': text,
    },
  })
  const spans = [
    span('a', 0, 2, [user('plan')], 'planned'),
    // Two helpers at once, which quote nothing: what ended last before them set them off.
    span('b', 3, 6, [user('left')], 'left done'),
    span('c', 3, 7, [user('right')], 'right done'),
    // Goes on with the plan and quotes both.
    span(
      'd',
      9,
      10,
      [
        user('plan'),
        assistant('planned'),
        assistant('left done'),
        assistant('right done'),
        user('sum'),
      ],
      'summed',
    ),
  ]
  const expected = [
    { after: [], delayMs: 0, continues: null },
    { after: [0], delayMs: 1000, continues: null },
    { after: [0], delayMs: 1000, continues: null },
    { after: [0, 1, 2], delayMs: 2000, continues: 0 },
  ]

  it('become a graph: what a prompt quotes, it waited for', () => {
    const [session] = readSessions(write('flat.json', { spans }))
    expect(session!.calls).toMatchObject(expected)
    expect(session!.calls[3]!.messages).toEqual([{ answerOf: 1 }, { answerOf: 2 }, user('sum')])
    expect(session!.calls[0]).toMatchObject({
      model: 'big',
      outputTokens: 2,
      answer: assistant('planned'),
    })
  })

  it('are read as OTLP too', () => {
    const attributes = (given: Record<string, string>) =>
      Object.entries(given).map(([key, stringValue]) => ({ key, value: { stringValue } }))
    const otlp = spans.map((one) => ({
      traceId: 't',
      spanId: one.span_id,
      startTimeUnixNano: `${Date.parse(`${one.start_time}Z`)}000000`,
      endTimeUnixNano: `${Date.parse(`${one.end_time}Z`)}000000`,
      attributes: attributes(one.attributes),
    }))
    const path = write('otlp.json', { resourceSpans: [{ scopeSpans: [{ spans: otlp }] }] })
    expect(readSessions(path)[0]!.calls).toMatchObject(expected)
  })
})

describe('logs of agents', () => {
  it('become chains with the time of their tools', () => {
    const calls = [
      { id: 'x', type: 'function', function: { name: 'bash', arguments: '{"command":"ls"}' } },
    ]
    const rows = [
      {
        conversation_id: 'c',
        turn: 1,
        system: 'S',
        tools: [{ type: 'function' }],
        ...user('fix it'),
      },
      {
        conversation_id: 'c',
        turn: 2,
        role: 'assistant',
        reasoning_content: 'hm',
        tool_calls: calls,
      },
      {
        conversation_id: 'c',
        turn: 3,
        role: 'tool',
        delay_seconds: 0.5,
        tool_results: [{ tool_call_id: 'x', content: 'a b' }],
      },
      { conversation_id: 'c', turn: 4, ...assistant('done') },
    ]
    const [session] = readSessions(write('agent.jsonl', rows))
    expect(session!.tools).toEqual([{ type: 'function' }])
    expect(session!.calls).toMatchObject([
      {
        after: [],
        messages: [{ role: 'system', content: 'S' }, user('fix it')],
        answer: { tool_calls: calls },
      },
      {
        after: [0],
        continues: 0,
        delayMs: 500,
        messages: [{ role: 'tool', tool_call_id: 'x', content: 'a b' }],
        answer: assistant('done'),
      },
    ])
  })
})

describe('lists of calls', () => {
  it('are chains unless they say otherwise', () => {
    const rows = [
      { session: 's', call: 'a', input_tokens: 100, output_tokens: 5 },
      { session: 's', call: 'b', prompt: 'again', delay_ms: 20 },
      { session: 's', call: 'c', after: ['a'], continues: false, messages: [user('else')] },
    ]
    expect(readSessions(write('calls.jsonl', rows))[0]!.calls).toMatchObject([
      { after: [], continues: null, messages: [], inputTokens: 100, outputTokens: 5 },
      { after: [0], continues: 0, delayMs: 20, messages: [user('again')] },
      { after: [0], continues: null, messages: [user('else')] },
    ])
  })
  it.each([
    [[{ session: 's', call: 'a', after: ['b'] }], /no call before it/],
    [[{ session: 's', input_tokens: -1 }], /no length/],
    [
      [
        { session: 's', call: 'a' },
        { session: 's', call: 'b', after: [], continues: 'a' },
      ],
      /does not wait for/,
    ],
    [[{ x: 1 }], /holds no sessions/],
  ])('refuse %j', (rows, message) => {
    expect(() => readSessions(write('bad.jsonl', rows))).toThrow(message)
  })
  it('nothing of a file makes it fail in another way than with a code', () => {
    const rows = fc.array(
      fc.dictionary(
        fc.constantFrom(
          'session',
          'call',
          'after',
          'spans',
          'messages',
          'role',
          'conversation_id',
          'attributes',
          'tool_results',
          'delay',
        ),
        fc.jsonValue(),
      ),
      { minLength: 1, maxLength: 4 },
    )
    fc.assert(
      fc.property(rows, (content) => {
        try {
          readSessions(write('any.jsonl', content))
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'injection/bad-data' })
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('messages of a dataset', () => {
  it('with tool results or pictures stand as they are, up to the last that asks', () => {
    const picture = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }
    const rows = [
      {
        messages: [
          { role: 'user', content: [picture, { type: 'text', text: 'what?' }] },
          assistant('a cat'),
        ],
      },
    ]
    expect(readDataset(write('images.jsonl', rows), {})).toEqual([
      { turns: [[{ role: 'user', content: [picture, { type: 'text', text: 'what?' }] }]] },
    ])
  })
})

describe('synthetic pictures', () => {
  const template = createImageTemplate(40, 20)
  const bytesOf = (seed: number) =>
    Buffer.from(syntheticImage(template, seed).split(',')[1]!, 'base64')
  it('are PNGs, each another', () => {
    const png = bytesOf(1)
    expect(png.subarray(1, 4).toString()).toBe('PNG')
    expect(png.equals(bytesOf(1))).toBe(true)
    expect(png.equals(bytesOf(2))).toBe(false)
    const at = png.indexOf('IDAT')
    const length = png.readUInt32BE(at - 4)
    expect(inflateSync(png.subarray(at + 4, at + 4 + length))).toHaveLength(20 * 41)
  })
})

const published =
  process.env['BALEEN_SHARED_DATA'] ?? join(import.meta.dirname, '../../../../shared/data')
describe.skipIf(!existsSync(published))('published sessions (../shared/data)', () => {
  it('OpenTelemetry graphs fan out and in', () => {
    const sessions = readSessions(join(published, 'traces/otel'))
    expect(sessions).toHaveLength(10)
    const fanIn = sessions.flatMap(({ calls }) => calls.filter(({ after }) => after.length >= 3))
    expect(fanIn.length).toBeGreaterThan(4)
  })
  it('coding agents', () => {
    const sessions = readSessions(join(published, 'traces/mlcommons_agentic_coding_2.5h.jsonl'))
    expect(sessions).toHaveLength(20)
    expect(sessions.flatMap(({ calls }) => calls)).toHaveLength(1007)
    expect(sessions.every(({ tools }) => tools !== undefined)).toBe(true)
  })
})
