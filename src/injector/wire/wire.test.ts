import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chunk } from '../../../test/golden-server/golden-script.ts'
import { createHttpResponseParser } from './http-response-parser.ts'
import { createSseParser } from './sse-parser.ts'

/** Feeds bytes in the given cuts, through one buffer that is overwritten each time, as the driver does. */
function feed(
  bytes: Buffer,
  cuts: readonly number[],
  read: (part: Buffer, length: number) => void,
) {
  const shared = Buffer.alloc(bytes.length + 1)
  const edges = [0, ...[...cuts].sort((a, b) => a - b), bytes.length]
  for (let index = 1; index < edges.length; index++) {
    const [from, to] = [edges[index - 1]!, edges[index]!]
    if (to === from) continue
    shared.fill(0x58)
    bytes.copy(shared, 0, from, to)
    read(shared, to - from)
  }
}

function parseEvents(bytes: Buffer, cuts: readonly number[]): string[] {
  const events: string[] = []
  const parser = createSseParser({ tryWhole: () => -1, onData: (data) => events.push(data) })
  feed(bytes, cuts, (part, length) => parser.read(part, 0, length, 0))
  return events
}

function parseResponse(bytes: Buffer, cuts: readonly number[]) {
  const seen = { status: 0, body: '', ends: 0, problem: null as string | null, head: {} }
  const parts: Buffer[] = []
  const parser = createHttpResponseParser({
    onHead(head) {
      seen.head = head
      seen.status = head.status
    },
    onBody: (part, start, end) => parts.push(Buffer.from(part.subarray(start, end))),
    onEnd: () => seen.ends++,
  })
  feed(bytes, cuts, (part, length) => {
    seen.problem ??= parser.read(part, 0, length, 0)
  })
  seen.body = Buffer.concat(parts).toString()
  return { ...seen, isProperEnd: parser.endOfInput(0) }
}

const cutsOf = fc.array(fc.nat(400), { maxLength: 40 })
const within = (cuts: readonly number[], length: number) => cuts.map((cut) => cut % (length + 1))

describe('server-sent events', () => {
  it.each(['\n', '\r\n', '\r'])('come through any cut, lines ending in %j', (end) => {
    const texts = fc.array(fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text)))
    fc.assert(
      fc.property(texts, cutsOf, (expected, cuts) => {
        const stream = Buffer.from(
          expected.map((text) => `: ping${end}event: x${end}data: ${text}${end}${end}`).join(''),
        )
        expect(parseEvents(stream, within(cuts, stream.length))).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })
  it('joins data lines, takes no blank or one, and ignores what is not data', () => {
    const stream = '\ufeffdata:a\ndata:  b\ndatax: no\nid: 1\n\n\n\ndata\n\ndata: c\n'
    expect(parseEvents(Buffer.from(stream), [])).toEqual(['a\n b', ''])
  })
  it('never throws on noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), cutsOf, (noise, cuts) => {
        parseEvents(Buffer.from(noise), within(cuts, noise.length))
      }),
    )
  })
})

describe('HTTP responses', () => {
  const bodies = fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { maxLength: 8 })

  it('come through any cut, chunked', () => {
    fc.assert(
      fc.property(bodies, cutsOf, (texts, cuts) => {
        const bytes = Buffer.concat([
          Buffer.from(
            'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
          ),
          ...texts.map(chunk),
          Buffer.from('0;x=y\r\ntrailer: 1\r\n\r\n'),
        ])
        const seen = parseResponse(bytes, within(cuts, bytes.length))
        expect(seen).toMatchObject({ status: 200, body: texts.join(''), ends: 1, problem: null })
      }),
      { numRuns: 300 },
    )
  })
  it('come through any cut, by length', () => {
    fc.assert(
      fc.property(fc.string(), cutsOf, (text, cuts) => {
        const bytes = Buffer.from(
          `HTTP/1.1 404 No\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
        )
        const seen = parseResponse(bytes, within(cuts, bytes.length))
        expect(seen).toMatchObject({ status: 404, body: text, ends: 1, problem: null })
      }),
    )
  })
  it('end with the connection where nothing else says so, and are cut short where something does', () => {
    expect(parseResponse(Buffer.from('HTTP/1.0 200 OK\r\n\r\nabc'), [])).toMatchObject({
      body: 'abc',
      isProperEnd: true,
      head: { isKeptAlive: false },
    })
    const cutShort = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc'
    expect(parseResponse(Buffer.from(cutShort), [])).toMatchObject({ ends: 0, isProperEnd: false })
  })
  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['a bad chunk size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
    ['a bad length', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n'],
    ['too much', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc'],
    ['an endless head', `HTTP/1.1 200 OK\r\n${'x'.repeat(70_000)}`],
  ])('names %s', (_, text) => {
    expect(parseResponse(Buffer.from(text), []).problem).toBeTypeOf('string')
  })
  it('never throws on noise after a good head', () => {
    const head = Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), cutsOf, (noise, cuts) => {
        parseResponse(Buffer.concat([head, noise]), within(cuts, head.length + noise.length))
      }),
    )
  })
})
