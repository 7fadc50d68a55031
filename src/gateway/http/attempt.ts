import type { Dispatcher } from 'undici'
import type { Clock } from '../../core/clock.ts'
import { noteSent, noteVerdict, type Verdict } from '../policy/breaker.ts'
import { verdictOf, type AttemptFailure } from '../policy/retry.ts'
import type { Replica } from '../route-table.ts'

/** What became of one try on one replica. Called until the listener lets go of the attempt. */
export interface AttemptListener {
  /** A good answer that is a stream: `onStreamData` and `onStreamEnd` follow. */
  onStreamStart(attempt: Attempt): void
  onStreamData(attempt: Attempt, chunk: Buffer): void
  onStreamEnd(attempt: Attempt): void
  /** A whole good answer. */
  onAnswer(attempt: Attempt, body: Buffer): void
  /** `body`: what an engine said with an error status. */
  onFailure(attempt: Attempt, failure: AttemptFailure, body: Buffer | null): void
}

const answerBytesMax = 64 * 2 ** 20
const errorBytesMax = 64 * 2 ** 10

/** One request on its way to one replica: undici's handler, without a closure or a promise. */
export class Attempt implements Dispatcher.DispatchHandler {
  readonly replica: Replica
  status = 0
  contentType = 'application/json'
  /** What the engine itself proposes. */
  retryAfterMs = 1000
  readonly #clock: Clock
  #listener: AttemptListener | null
  #controller: Dispatcher.DispatchController | null = null
  #isStream = false
  #chunks: Buffer[] = []
  #bytes = 0
  readonly #isOnItsOwn: boolean
  #isCounted = true
  #isJudged = false

  /** `isOnItsOwn`: an error that it answers is its fault. */
  constructor(replica: Replica, listener: AttemptListener, clock: Clock, isOnItsOwn = true) {
    this.replica = replica
    this.#listener = listener
    this.#clock = clock
    this.#isOnItsOwn = isOnItsOwn
    replica.inFlight++
    noteSent(replica.breaker)
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  /**
   * Nothing of it is wanted any more: the engine sees its connection close. `verdict`: what that says about the
   * replica; null where it was not its fault.
   */
  abort(verdict: Verdict | null): void {
    this.#listener = null
    this.#judge(verdict)
    this.#settle()
    this.#controller?.abort(aborted)
  }

  /** The rest of the answer is of no interest, but the connection is still good. */
  detach(): void {
    this.#listener = null
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // The client may have left while the connection was being made.
    if (!this.#isCounted) controller.abort(aborted)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return
    this.status = status
    if (status < 300) this.#judge('ok')
    else this.#judge(this.#isOnItsOwn ? verdictOf({ kind: 'status', status }) : null)
    const type = headers['content-type']
    if (typeof type === 'string') this.contentType = type
    const retryAfterS = Number(headers['retry-after'])
    if (retryAfterS > 0 && retryAfterS <= 60) this.retryAfterMs = retryAfterS * 1000
    this.#isStream = status < 300 && this.contentType.startsWith('text/event-stream')
    if (this.#isStream) this.#listener?.onStreamStart(this)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#listener === null) return
    if (this.#isStream) return this.#listener.onStreamData(this, chunk)
    this.#bytes += chunk.length
    const isError = this.status >= 300
    if (this.#bytes > (isError ? errorBytesMax : answerBytesMax)) {
      if (!isError) this.#fail({ kind: 'broken' })
      return
    }
    this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    this.#settle()
    const listener = this.#listener
    if (listener === null) return
    if (this.#isStream) return listener.onStreamEnd(this)
    const chunks = this.#chunks
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    if (this.status < 300) listener.onAnswer(this, body)
    else listener.onFailure(this, { kind: 'status', status: this.status }, body)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle()
    const failure: AttemptFailure = { kind: isRefusal(error) ? 'refused' : 'broken' }
    // Also where a good answer had begun: it has died in the middle.
    if (this.#listener) this.#isJudged = false
    this.#judge(verdictOf(failure))
    this.#listener?.onFailure(this, failure, null)
  }

  #fail(failure: AttemptFailure): void {
    const listener = this.#listener
    this.abort('failed')
    listener?.onFailure(this, failure, null)
  }

  #judge(verdict: Verdict | null): void {
    if (this.#isJudged) return
    this.#isJudged = true
    noteVerdict(this.replica.breaker, verdict, this.#clock.monotonicMs())
  }

  #settle(): void {
    if (!this.#isCounted) return
    this.#isCounted = false
    this.replica.inFlight--
  }
}

/** One for all: an abort is no surprise that would need a stack. */
const aborted = new Error('the client has gone')

function isRefusal(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'EHOSTUNREACH'
}
