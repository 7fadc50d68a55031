import {
  createExchange,
  type Exchange,
  type ExchangeStart,
} from '../../src/injector/policy/measurement/exchange.ts'
import { recordOf, type RequestRecord } from '../../src/injector/policy/measurement/record.ts'
import { createResponseReader } from '../../src/injector/wire/response-reader.ts'
import type { GoldenScript } from './golden-script.ts'

/** A request of a virtual run: times are exact, so figures have to be. */
export interface VirtualRequest {
  readonly script: GoldenScript
  readonly intendedMs?: number
  /** Of the client before the socket. */
  readonly delayMs?: number
  readonly start?: Partial<ExchangeStart>
  readonly hasDoneMarker?: boolean
}

/** Plays a script through the real parsers and the real measurement, with the script's own times as stamps. */
export function play({
  script,
  intendedMs = 0,
  delayMs = 0,
  start,
  hasDoneMarker = true,
}: VirtualRequest): RequestRecord {
  const exchange: Exchange = createExchange({
    index: 0,
    model: 0,
    turn: 0,
    endpoint: 'chat',
    isStreaming: true,
    wantedInputTokens: 1,
    wantedOutputTokens: 1,
    keepsText: true,
    ...start,
    intendedMs,
  })
  const reader = createResponseReader()
  reader.begin(exchange)
  exchange.handedMs = intendedMs + delayMs
  exchange.writtenMs = exchange.handedMs
  let atMs = exchange.handedMs
  for (const step of script.steps) {
    if (exchange.ending !== null) break
    atMs = exchange.handedMs + step.afterMs
    if (step.bytes) reader.read(step.bytes, 0, step.bytes.length, atMs)
    if (step.end === 'fin') reader.endOfInput(atMs)
    if (step.end === 'rst') exchange.ending = 'reset'
  }
  exchange.ending ??= 'timeout_stall'
  exchange.endedMs = atMs
  return recordOf(exchange, hasDoneMarker)
}
