import type { Endpoint } from '../../../contract/injection-spec.ts'
import { readStreamEvent, readWholeAnswer, type StreamEvent, type Usage } from './stream-event.ts'

/** How the transport ended. `complete`: the HTTP message came whole; `cut`: the connection ended before that. */
export type Ending =
  | 'complete'
  | 'cut'
  | 'reset'
  | 'connect'
  | 'timeout_connect'
  | 'timeout_ttft'
  | 'timeout_stall'
  | 'timeout_total'
  | 'malformed'
  | 'cancelled_by_plan'
  | 'unfinished_at_cutoff'
  | 'shed_by_client'

/**
 * One request and all its stamps, in milliseconds on the run's clock; NaN where it never came to that. Written by
 * the driver while the request lives, read by the measurement afterwards. One shape for all of them: this is the
 * hot path.
 */
export interface Exchange {
  readonly index: number
  readonly model: number
  readonly turn: number
  readonly endpoint: Endpoint
  readonly isStreaming: boolean
  readonly wantedInputTokens: number
  readonly wantedOutputTokens: number
  /** The user walks away after so many events with content; Infinity: stays. */
  readonly abandonedAfter: number
  /** s: when the schedule wanted it. */
  intendedMs: number
  /** f: given to the socket. */
  handedMs: number
  /** w: the kernel has taken the last byte of the request. */
  writtenMs: number
  /** The connection stood; NaN: a kept one was used. */
  connectedMs: number
  /** h, b, e1: head of the answer, first byte of its body, first SSE event. */
  headersMs: number
  firstByteMs: number
  firstEventMs: number
  /** o1: first content that is not reasoning. */
  firstAnswerMs: number
  /** c1…cm: content-bearing events. */
  contentMs: number[]
  /** z: the event with a finish reason. */
  finishMs: number
  /** d: `[DONE]`, or the end of an answer that is not streamed. */
  doneMs: number
  endedMs: number
  status: number
  ending: Ending | null
  finishReason: string | null
  usage: Usage | null
  /** Error text of the answer or of the transport. */
  error: string | null
  hasErrorEvent: boolean
  hasMalformedEvent: boolean
  /** Text so far as UTF-8, where something needs it: a next turn, or counting tokens without usage. */
  text: Buffer | null
  /** Bytes of `text` in use. */
  textBytes: number
}

export interface ExchangeStart {
  readonly index: number
  readonly model: number
  readonly turn: number
  readonly endpoint: Endpoint
  readonly isStreaming: boolean
  readonly wantedInputTokens: number
  readonly wantedOutputTokens: number
  readonly intendedMs: number
  readonly abandonedAfter?: number
  readonly keepsText: boolean
}

const noText = Buffer.alloc(0)
const textBytesMin = 128

export function createExchange(start: ExchangeStart): Exchange {
  return {
    index: start.index,
    model: start.model,
    turn: start.turn,
    endpoint: start.endpoint,
    isStreaming: start.isStreaming,
    wantedInputTokens: start.wantedInputTokens,
    wantedOutputTokens: start.wantedOutputTokens,
    abandonedAfter: start.abandonedAfter ?? Infinity,
    intendedMs: start.intendedMs,
    handedMs: NaN,
    writtenMs: NaN,
    connectedMs: NaN,
    headersMs: NaN,
    firstByteMs: NaN,
    firstEventMs: NaN,
    firstAnswerMs: NaN,
    contentMs: [],
    finishMs: NaN,
    doneMs: NaN,
    endedMs: NaN,
    status: 0,
    ending: null,
    finishReason: null,
    usage: null,
    error: null,
    hasErrorEvent: false,
    hasMalformedEvent: false,
    text: start.keepsText ? noText : null,
    textBytes: 0,
  }
}

/**
 * The data of one SSE event, stamped when its bytes left the socket. Returns what it says; null: nothing of this
 * endpoint.
 */
export function applyEventData(exchange: Exchange, data: string, atMs: number): StreamEvent | null {
  if (Number.isNaN(exchange.firstEventMs)) exchange.firstEventMs = atMs
  if (data === '[DONE]') {
    if (Number.isNaN(exchange.doneMs)) exchange.doneMs = atMs
    return null
  }
  const event = readStreamEvent(parseJson(data), exchange.endpoint)
  if (event === null) {
    exchange.hasMalformedEvent = true
    exchange.error ??= `malformed event: ${data.slice(0, 200)}`
    return null
  }
  apply(exchange, event, atMs)
  if (event.isLast && Number.isNaN(exchange.doneMs)) exchange.doneMs = atMs
  return event
}

/** An event of which nothing is of interest but its text, as the bytes that it came in. */
export function applyTextBytes(
  exchange: Exchange,
  bytes: Buffer,
  start: number,
  end: number,
  isAnswer: boolean,
  atMs: number,
): void {
  if (end === start) return
  stampContent(exchange, isAnswer, atMs)
  if (exchange.text === null) return
  const at = roomFor(exchange, end - start)
  const { text } = exchange
  for (let index = start; index < end; index++) text[at + index - start] = bytes[index]!
}

/** All text of the answer so far; '' where none is kept. */
export const textOf = ({ text, textBytes }: Exchange): string =>
  text === null ? '' : text.toString('utf8', 0, textBytes)

/** The body of an answer that is not streamed, or of an error. */
export function applyWholeBody(exchange: Exchange, body: string, atMs: number): void {
  const event = readWholeAnswer(parseJson(body), exchange.endpoint)
  if (exchange.status >= 300 || exchange.isStreaming) {
    exchange.error = event?.error ?? body.slice(0, 200)
    if (exchange.status < 300) exchange.hasMalformedEvent = true
    return
  }
  if (event === null) {
    exchange.hasMalformedEvent = true
    exchange.error = `malformed answer: ${body.slice(0, 200)}`
    return
  }
  apply(exchange, event, atMs)
  // All of it came at once: that is no time to a first token.
  exchange.contentMs = []
  exchange.doneMs = atMs
}

function apply(exchange: Exchange, event: StreamEvent, atMs: number): void {
  if (event.error !== null) {
    exchange.hasErrorEvent = true
    exchange.error = event.error
  }
  applyText(exchange, event.text, event.isAnswer, atMs)
  if (event.usage !== null) exchange.usage = event.usage
  if (event.finishReason !== null) {
    exchange.finishReason = event.finishReason
    if (Number.isNaN(exchange.finishMs)) exchange.finishMs = atMs
  }
}

function applyText(exchange: Exchange, text: string, isAnswer: boolean, atMs: number): void {
  if (text === '') return
  stampContent(exchange, isAnswer, atMs)
  if (exchange.text === null) return
  const length = Buffer.byteLength(text)
  const at = roomFor(exchange, length)
  exchange.text.write(text, at, length, 'utf8')
}

function stampContent(exchange: Exchange, isAnswer: boolean, atMs: number): void {
  exchange.contentMs.push(atMs)
  if (isAnswer && Number.isNaN(exchange.firstAnswerMs)) exchange.firstAnswerMs = atMs
}

/** Makes room for more text; returns where it goes. */
function roomFor(exchange: Exchange, bytes: number): number {
  const at = exchange.textBytes
  const held = exchange.text!
  exchange.textBytes += bytes
  if (exchange.textBytes > held.length) {
    const size = Math.max(textBytesMin, 2 * held.length, exchange.textBytes)
    exchange.text = Buffer.allocUnsafe(size)
    held.copy(exchange.text, 0, 0, at)
  }
  return at
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
