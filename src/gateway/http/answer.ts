import type { ServerResponse } from 'node:http'
import type { Attempt } from './attempt.ts'
import type { Rejection } from './rejection.ts'
import { addRetryHeaders, type HeaderList } from './response-head.ts'

/** The client's side of a request: one whole answer, or a stream with a head, parts and an end. */
export class Answer {
  /** Of the body. */
  bytes = 0
  /** The client does not read as fast as the engine writes. */
  isPaused = false
  isStreaming = false
  readonly #response: ServerResponse
  readonly #onResume: () => void
  #source: Attempt | null = null

  /** `onResume`: the client reads again. */
  constructor(response: ServerResponse, onResume: () => void) {
    this.#response = response
    this.#onResume = onResume
  }

  /** Goes out with the first part, in one segment. */
  startStream(headers: HeaderList): void {
    this.isStreaming = true
    headers.push(
      'content-type',
      'text/event-stream; charset=utf-8',
      'cache-control',
      'no-cache',
      'x-accel-buffering',
      'no',
    )
    this.#response.writeHead(200, headers)
  }

  /** Holds the engine back while the client is slower. */
  relay(source: Attempt, part: Buffer): void {
    this.bytes += part.length
    if (this.#response.write(part)) return
    source.pause()
    this.#source = source
    if (this.isPaused) return
    this.isPaused = true
    this.#response.once('drain', () => {
      this.isPaused = false
      this.#onResume()
      this.#source?.resume()
    })
  }

  /** The last of a stream. */
  endStream(last: Buffer | null): void {
    this.#response.end(last)
  }

  sendWhole(
    status: number,
    headers: HeaderList,
    body: Buffer,
    failure: Pick<Rejection, 'retryAfterMs' | 'shouldRetry'> | null,
  ): void {
    headers.push('content-length', `${body.length}`)
    if (failure) addRetryHeaders(headers, failure.retryAfterMs, failure.shouldRetry)
    this.#response.writeHead(status, headers)
    this.#response.end(body)
  }

  /** Ends a connection whose other side has stopped reading. */
  cut(): void {
    this.#response.destroy()
  }
}
