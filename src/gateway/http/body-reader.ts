import type { IncomingMessage, ServerResponse } from 'node:http'
import { formatBytes } from '../../core/units.ts'
import { reject, type Rejection } from './rejection.ts'

/** Memory for request bodies, shared by all requests of the process. */
export interface BodyBudget {
  readonly bodyMax: number
  readonly bodiesMax: number
  readonly silenceMs: number
  usedBytes: number
}

export interface BodyListener {
  onBody(body: Buffer): void
  onBodyRejected(rejection: Rejection): void
}

/** A body may take 30 s, and longer in so far as it comes at this pace at least. */
const graceMs = 30_000
const bytesPerMsMin = 16

/**
 * Collects one request body within its limits. The bytes it took stay charged to the budget until `release`. What
 * is refused is refused at once: by `content-length` before a byte is read, otherwise at the first byte too many.
 */
export class BodyReader {
  readonly #budget: BodyBudget
  readonly #listener: BodyListener
  #chunks: Buffer[] = []
  #received = 0
  #charged = 0
  #startedAtMs: number
  #heardAtMs: number
  #isDone = false

  constructor(budget: BodyBudget, listener: BodyListener, nowMs: number) {
    this.#budget = budget
    this.#listener = listener
    this.#startedAtMs = this.#heardAtMs = nowMs
  }

  start(request: IncomingMessage, response: ServerResponse, nowMs: () => number): void {
    const announced = Number(request.headers['content-length'] ?? 0)
    const rejection = this.#charge(announced)
    if (rejection) return this.#reject(rejection)
    if (request.headers.expect !== undefined) response.writeContinue()
    request.on('data', (chunk: Buffer) => {
      if (this.#isDone) return
      this.#heardAtMs = nowMs()
      this.#received += chunk.length
      const excess =
        this.#received > this.#charged ? this.#charge(this.#received - this.#charged) : null
      if (excess) this.#reject(excess)
      else this.#chunks.push(chunk)
    })
    request.on('end', () => this.#finish())
  }

  /** Milliseconds it may still take; 0 or less: too slow. */
  patienceMs(nowMs: number): number {
    const whole = graceMs + this.#received / bytesPerMsMin - (nowMs - this.#startedAtMs)
    return Math.min(whole, this.#budget.silenceMs - (nowMs - this.#heardAtMs))
  }

  /** The memory is no longer held. */
  release(): void {
    this.#isDone = true
    this.#chunks = []
    this.#budget.usedBytes -= this.#charged
    this.#charged = 0
  }

  #charge(bytes: number): Rejection | null {
    const { bodyMax, bodiesMax } = this.#budget
    if (this.#charged + bytes > bodyMax)
      return reject(
        'request/too-large',
        `The request body is larger than ${formatBytes(bodyMax)}, the most that is accepted.`,
        { shouldRetry: false },
      )
    if (this.#budget.usedBytes + bytes > bodiesMax)
      return reject('gateway/overloaded', 'Too many large requests are being worked on.', {
        retryAfterMs: 1000,
      })
    this.#budget.usedBytes += bytes
    this.#charged += bytes
    return null
  }

  #reject(rejection: Rejection): void {
    this.release()
    this.#listener.onBodyRejected(rejection)
  }

  #finish(): void {
    if (this.#isDone) return
    this.#isDone = true
    const chunks = this.#chunks
    this.#chunks = []
    this.#listener.onBody(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
  }
}
