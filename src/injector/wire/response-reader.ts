import { EventTemplate } from '../policy/measurement/event-template.ts'
import {
  applyEventData,
  applyTextBytes,
  applyWholeBody,
  type Exchange,
} from '../policy/measurement/exchange.ts'
import {
  createHttpResponseParser,
  type HttpResponseParser,
  type ResponseHead,
} from './http-response-parser.ts'
import { createSseParser } from './sse-parser.ts'

/** Bytes of one connection into the stamps of one exchange after another. No I/O: tests feed it in virtual time. */
export interface ResponseReader {
  begin(exchange: Exchange): void
  /** Stamped by the caller before anything else. Returns true once the answer is complete. */
  read(bytes: Buffer, start: number, end: number, atMs: number): boolean
  /** The peer has ended the connection. */
  endOfInput(atMs: number): void
  /** Of the last answer. */
  readonly head: ResponseHead | null
}

/** Of an answer that is not streamed; more is dropped and the answer counts as malformed. */
const bodyBytesMax = 64 * 2 ** 20

export function createResponseReader(): ResponseReader {
  let exchange: Exchange | null = null
  let head: ResponseHead | null = null
  /** Of the stream now being read; null: the answer is no stream. */
  let template: EventTemplate | null = null
  let body: Buffer[] = []
  let bodyBytes = 0

  const events = createSseParser({
    tryWhole(bytes, start, end, atMs) {
      const after = template!.match(bytes, start, end)
      if (after === -1) return -1
      const { textStart, textEnd, isAnswer } = template!
      applyTextBytes(exchange!, bytes, textStart, textEnd, isAnswer, atMs)
      return after
    },
    onData(data, atMs, bytes, place) {
      const event = applyEventData(exchange!, data, atMs)
      if (event !== null && place !== null) template!.learn(bytes, place, data, event)
    },
  })
  const parser: HttpResponseParser = createHttpResponseParser({
    onHead(received, atMs) {
      head = received
      exchange!.headersMs = atMs
      exchange!.status = received.status
      const isEventStream = received.contentType.startsWith('text/event-stream')
      if (!exchange!.isStreaming || !isEventStream) return
      template = new EventTemplate(exchange!.endpoint)
      events.reset()
    },
    onBody(bytes, start, end, atMs) {
      if (Number.isNaN(exchange!.firstByteMs)) exchange!.firstByteMs = atMs
      if (template !== null) return events.read(bytes, start, end, atMs)
      bodyBytes += end - start
      if (bodyBytes <= bodyBytesMax) body.push(Buffer.from(bytes.subarray(start, end)))
    },
    onEnd(atMs) {
      if (template === null) applyWholeBody(exchange!, Buffer.concat(body).toString('utf8'), atMs)
      exchange!.ending = 'complete'
    },
  })

  return {
    begin(next) {
      exchange = next
      head = null
      template = null
      body = []
      bodyBytes = 0
      parser.reset()
    },
    read(bytes, start, end, atMs) {
      const problem = parser.read(bytes, start, end, atMs)
      if (problem !== null && exchange!.ending === null) {
        exchange!.ending = 'malformed'
        exchange!.error ??= problem
      }
      return exchange!.ending !== null
    },
    endOfInput(atMs) {
      if (exchange!.ending === null && !parser.endOfInput(atMs)) exchange!.ending = 'cut'
    },
    get head() {
      return head
    },
  }
}
