import type { Endpoint } from '../../../contract/injection-spec.ts'
import { readStreamEvent, type StreamEvent } from './stream-event.ts'

/** Where the one-line data of an event stands among the bytes. */
export interface EventPlace {
  /** Of the line. */
  readonly start: number
  /** Of the data, after `data:` and its blank. */
  readonly dataStart: number
  /** After the blank line that ends the event. */
  readonly end: number
}

/** Streams whose events differ in more (log probabilities) cost a few attempts, not one an event. */
const attemptsMax = 4
const probe = 'probe-8d1f'
const quote = 0x22
const backslash = 0x5c
const blank = 0x20
const nothing: Uint8Array = new Uint8Array(0)

/**
 * Events of a stream differ in their text alone. Once an event has shown where the text stands, the next ones are
 * read by comparing the bytes around it: exact, because a JSON string without quote and backslash is its own value.
 * Anything else is parsed whole. A class: `match` runs once an event, and its answer is three numbers.
 */
export class EventTemplate {
  /** Of the last event that matched. */
  textStart = 0
  textEnd = 0
  /** Of the learned event: its text is no reasoning. */
  isAnswer = false
  readonly #endpoint: Endpoint
  #prefix = nothing
  #suffix = nothing
  #attempts = 0

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  /** Where the event ends that begins at `start` and differs from the learned one in its text alone; −1: parse it. */
  match(bytes: Uint8Array, start: number, end: number): number {
    const prefix = this.#prefix
    const suffix = this.#suffix
    let at = start + prefix.length
    if (prefix.length === 0 || at + suffix.length > end) return -1
    for (let index = 0; index < prefix.length; index++)
      if (bytes[start + index] !== prefix[index]) return -1
    const textStart = at
    for (; ; at++) {
      const byte = bytes[at]
      if (byte === quote) break
      // A control character ends the line or is no JSON.
      if (at >= end || byte === backslash || byte! < blank) return -1
    }
    if (at + suffix.length > end) return -1
    for (let index = 0; index < suffix.length; index++)
      if (bytes[at + index] !== suffix[index]) return -1
    this.textStart = textStart
    this.textEnd = at
    return at + suffix.length
  }

  /** `data`: the characters at `place`; `event`: what a whole parse says of them. */
  learn(bytes: Buffer, place: EventPlace, data: string, event: StreamEvent): void {
    if (this.#attempts >= attemptsMax) return
    if (event.text === '' || event.finishReason || event.usage) return
    this.#attempts++
    const quoted = JSON.stringify(event.text)
    const at = data.lastIndexOf(quoted)
    if (at === -1) return
    const before = data.slice(0, at + 1)
    const after = data.slice(at + quoted.length - 1)
    // Proves that the place found is the place of the text, and of nothing else.
    const other = readStreamEvent(parseJson(before + probe + after), this.#endpoint)
    if (other?.text !== probe || other.isAnswer !== event.isAnswer) return
    const textStart = place.dataStart + Buffer.byteLength(before)
    this.#prefix = Uint8Array.from(bytes.subarray(place.start, textStart))
    this.#suffix = Uint8Array.from(
      bytes.subarray(textStart + Buffer.byteLength(quoted) - 2, place.end),
    )
    this.isAnswer = event.isAnswer
    // Characters that were no UTF-8 shift the places: then it does not fit the event it was learned from.
    const fits =
      this.match(bytes, place.start, place.end) === place.end &&
      bytes.toString('utf8', this.textStart, this.textEnd) === event.text
    if (!fits) this.#prefix = nothing
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
