import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
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
  #isChunked = false
  #hasHead = false

  /** `onResume`: the client reads again. */
  constructor(response: ServerResponse, onResume: () => void) {
    this.#response = response
    this.#onResume = onResume
  }

  /**
   * Goes out with the first part, in one segment. The chunks of the body are framed here and go straight to the
   * socket: Node would hold each back to the end of the turn and write its four pieces, a fourth of all that relaying
   * a frame costs.
   */
  startStream(headers: HeaderList): void {
    const response = this.#response
    this.isStreaming = true
    // A client of HTTP/1.0 knows no chunks: the end of the connection is the end of the stream.
    this.#isChunked = response.req.httpVersionMinor > 0
    if (this.#isChunked) headers.push('transfer-encoding', 'chunked')
    headers.push(
      'content-type',
      'text/event-stream; charset=utf-8',
      'cache-control',
      'no-cache',
      'x-accel-buffering',
      'no',
    )
    response.writeHead(200, headers)
    response.chunkedEncoding = false
  }

  /** A comment, which clients skip: it shows them and whatever is between that the request is not forgotten. */
  comment(text: string): void {
    const part = Buffer.from(`: ${text}\n\n`)
    this.bytes += part.length
    this.#target().write(this.#isChunked ? frameChunk(part, false) : part)
  }

  /** Holds the engine back while the client is slower. */
  relay(source: Attempt, part: Buffer): void {
    this.bytes += part.length
    const target = this.#target()
    if (target.write(this.#isChunked ? frameChunk(part, false) : part)) return
    source.pause()
    this.#source = source
    if (this.isPaused) return
    this.isPaused = true
    target.once('drain', () => {
      this.isPaused = false
      this.#onResume()
      this.#source?.resume()
    })
  }

  /**
   * The socket itself, once the head is out and nothing waits before it: not for the first part, nor where the answer
   * to an earlier request of the connection is still under way.
   */
  #target(): Writable {
    const { socket, writableLength } = this.#response
    const isDirect = this.#hasHead && socket !== null && writableLength === socket.writableLength
    this.#hasHead = true
    return isDirect ? socket : this.#response
  }

  /** The last of a stream. */
  endStream(last: Buffer | null): void {
    if (!this.#isChunked) this.#response.end(last)
    else this.#response.end(last && last.length > 0 ? frameChunk(last, true) : lastChunk)
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

/** One event of a stream. */
export const asEvent = (data: Buffer): Buffer =>
  Buffer.concat([Buffer.from('data: '), data, Buffer.from('\n\n')])

const lastChunk = Buffer.from('0\r\n\r\n')

/** One chunk of HTTP/1.1's transfer coding, with the end of the body behind it where it is the last. */
function frameChunk(part: Buffer, isLast: boolean): Buffer {
  const { length } = part
  let digits = 1
  for (let rest = length >>> 4; rest > 0; rest >>>= 4) digits++
  const from = digits + 2
  const to = from + length
  const chunk = Buffer.allocUnsafe(to + 2 + (isLast ? lastChunk.length : 0))
  // By hand: a frame is short, and two calls into the runtime for its edges cost more than its copy.
  for (let at = digits - 1, rest = length; at >= 0; at--, rest >>>= 4)
    chunk[at] = hexDigits.charCodeAt(rest & 15)
  endLine(chunk, digits)
  part.copy(chunk, from)
  endLine(chunk, to)
  if (isLast) lastChunk.copy(chunk, to + 2)
  return chunk
}

const hexDigits = '0123456789abcdef'

function endLine(chunk: Buffer, at: number): void {
  chunk[at] = 0x0d
  chunk[at + 1] = 0x0a
}
