import type { Endpoint } from '../../../contract/injection.ts'
import { createEventTemplate, type EventTemplate } from './event-template.ts'
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
  /** Text so far, where something needs it: a next turn, or counting tokens without usage. */
  texts: string[] | null
  readonly template: EventTemplate
  textLength: number
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
  readonly keepsText: boolean
}

export function createExchange(start: ExchangeStart): Exchange {
  return {
    index: start.index,
    model: start.model,
    turn: start.turn,
    endpoint: start.endpoint,
    isStreaming: start.isStreaming,
    wantedInputTokens: start.wantedInputTokens,
    wantedOutputTokens: start.wantedOutputTokens,
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
    texts: start.keepsText ? [] : null,
    textLength: 0,
    template: createEventTemplate(start.endpoint),
  }
}

/** The data of one SSE event, stamped when its bytes left the socket. */
export function applyEventData(exchange: Exchange, data: string, atMs: number): void {
  if (Number.isNaN(exchange.firstEventMs)) exchange.firstEventMs = atMs
  if (data === '[DONE]') {
    if (Number.isNaN(exchange.doneMs)) exchange.doneMs = atMs
    return
  }
  const text = exchange.template.textOf(data)
  if (text !== null) return applyText(exchange, text, exchange.template.isAnswer, atMs)
  const event = readStreamEvent(parseJson(data), exchange.endpoint)
  if (event === null) {
    exchange.hasMalformedEvent = true
    exchange.error ??= `malformed event: ${data.slice(0, 200)}`
    return
  }
  exchange.template.learn(data, event)
  apply(exchange, event, atMs)
  if (event.isLast && Number.isNaN(exchange.doneMs)) exchange.doneMs = atMs
}

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
  exchange.contentMs.push(atMs)
  exchange.textLength += text.length
  exchange.texts?.push(text)
  if (isAnswer && Number.isNaN(exchange.firstAnswerMs)) exchange.firstAnswerMs = atMs
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
