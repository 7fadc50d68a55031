import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ErrorCode } from '../../core/errors.ts'
import type { Outcome } from '../../contract/journal.ts'
import type { Held } from '../hold-queue.ts'
import type { JournalWaiter } from '../journal.ts'
import type { Choice } from '../policy/policy.ts'
import { isConnectionLost, mayRetry, tellNoRetry, type AttemptFailure } from '../policy/retry.ts'
import { servedNameOf, type Replica, type Route } from '../route-table.ts'
import type { Shell } from '../shell.ts'
import type { Timed } from '../timing-wheel.ts'
import * as admission from './admission.ts'
import { Answer, asEvent } from './answer.ts'
import { targetOf } from './asker.ts'
import { Attempt, type AttemptListener } from './attempt.ts'
import type { BodyReader } from './body-reader.ts'
import type { ScannedBody } from './body-scan.ts'
import { dispatch } from './dispatch.ts'
import { dataOf, EventStream } from './event-stream.ts'
import * as holding from './holding.ts'
import { explainFailure, normaliseError, readEngineError } from './foreign-error.ts'
import { Pair, type PairListener } from './pair.ts'
import { errorJson, reject, statusOf, type Rejection } from './rejection.ts'
import type { RequestRecord } from './request-record.ts'
import { spliceBody } from './splice.ts'
import { findUsage } from './usage.ts'
import { closeLine, openLine } from './wide-event.ts'

const nothing = Buffer.alloc(0)
/** More than any engine says before content; then the other chance is worth less than the memory. */
const keptBytesMax = 64 * 2 ** 10

/** From `streaming` on the client has bytes. `recording`: it ends as soon as its closing line is on disk. */
type Phase = 'held' | 'waiting' | 'streaming' | 'recording' | 'done'

/** What came in: needed until nothing can be tried again. */
interface Sent {
  readonly body: Buffer
  readonly scanned: ScannedBody
  /** Holds the memory of the body. */
  readonly reader: BodyReader
}

/** One request from its admission to its last byte: one object of one shape, as `Intake` was before. */
export class Exchange implements Timed, Held, AttemptListener, PairListener, JournalWaiter {
  timedPrevious: Timed | null = null
  timedNext: Timed | null = null
  timedAt = -1

  readonly #shell: Shell
  readonly #request: IncomingMessage
  readonly #record: RequestRecord
  readonly #answer: Answer
  #phase: Phase = 'held'
  #sent: Sent | null
  #attempt: Attempt | null = null
  /** Null: its route has no replicas that only read prompts. */
  #pair: Pair | null = null
  /** Of a stream that has brought no content yet. */
  #kept: Buffer | null = null
  #holdUntilMs = 0
  #stream: EventStream | null = null
  /** How it ends. */
  #type = 'application/json'
  #last: Buffer | null = null
  #failure: Pick<Rejection, 'retryAfterMs' | 'shouldRetry'> | null = null

  constructor(
    shell: Shell,
    request: IncomingMessage,
    response: ServerResponse,
    record: RequestRecord,
    sent: Sent,
  ) {
    this.#shell = shell
    this.#request = request
    this.#record = record
    this.#sent = sent
    this.#answer = new Answer(response, () => {
      record.times.heardAtMs = shell.clock.monotonicMs()
    })
  }

  start(): void {
    const { clock, journal } = this.#shell
    const record = this.#record
    const { times } = record
    times.admittedAtMs = clock.monotonicMs()
    const line = openLine(record.opening(clock.nowMs()))
    // On disk before the engine's first word is there, not while a client waits for it.
    if (record.checked!.stream) journal.record(line, null)
    else journal.note(line)
    if (!this.onWake() && !this.#hold(times.admittedAtMs)) this.#fail(this.#notReady())
  }

  onWake(): boolean {
    const { table } = this.#shell
    const { key, endpoint, checked } = this.#record
    const route = table.routes.get(checked!.model)
    const choice = route ? this.#choose(route) : null
    if (route && !choice) return false
    this.#endHold()
    if (route && choice) this.#send(route.replicas[choice.replica]!)
    else this.#fail(admission.refuseRoute(table, key!, endpoint, checked!.model)!)
    return true
  }

  #choose(route: Route): Choice | null {
    const { policy, random } = this.#shell
    const { key, tried } = this.#record
    const target = targetOf(route, key!, this.#request, this.#sent)
    if (!route.isPaired) return policy(route, tried, random, target)
    this.#pair ??= new Pair(this.#shell, this.#record, this.#sent!, this)
    return this.#pair.choose(route, target)
  }

  /** Waits for a replica, at most so long since then as it may. */
  #hold(sinceMs: number): boolean {
    const { holds, wheel, clock, times } = this.#shell
    const now = clock.monotonicMs()
    const { model } = this.#record.checked!
    const asked = this.#request.headers['x-baleen-timeout-ms']
    const leftMs = holding.patienceMs(this.#shell, model, asked) - (now - sinceMs)
    if (leftMs <= 0 || !holds.add(this)) return false
    this.#phase = 'held'
    this.#record.times.heldSinceMs = now
    this.#holdUntilMs = now + leftMs
    holding.wake(this.#shell, model)
    wheel.set(this, Math.min(leftMs, times.heartbeatMs))
    return true
  }

  #endHold(): void {
    const { times } = this.#record
    if (times.heldSinceMs === 0) return
    times.endHold(this.#shell.clock.monotonicMs())
    this.#shell.holds.remove(this)
    this.#shell.wheel.clear(this)
  }

  #send(replica: Replica): void {
    if (this.#pair?.send()) return
    const { stream, includesUsage, model } = this.#record.checked!
    const body = spliceBody(this.#sent!.body, this.#sent!.scanned, {
      servedName: servedNameOf(this.#shell.table.routes.get(model), replica),
      wantsUsage: stream && !includesUsage,
    })
    this.onRead(replica, body, false)
  }

  onReading(attempt: Attempt): void {
    this.#record.attempts++
    this.#wait(attempt)
  }

  onRead(replica: Replica, body: Buffer, isGoingOn: boolean): void {
    this.#record.sentTo(replica, isGoingOn)
    // With another one's cache its failures may be the other one's.
    const isOnItsOwn = (this.#record.prefill?.replica ?? null) === null
    const attempt = new Attempt(replica, this, this.#shell.clock, isOnItsOwn)
    this.#wait(attempt)
    dispatch(attempt, this.#record, body)
  }

  #wait(attempt: Attempt): void {
    const { wheel, clock, times } = this.#shell
    this.#phase = 'waiting'
    this.#attempt = attempt
    this.#record.times.heardAtMs = clock.monotonicMs()
    wheel.set(this, times.idleTimeoutMs)
  }

  get isWaiting(): boolean {
    return this.#phase === 'waiting'
  }

  onReadFailure(attempt: Attempt, failure: AttemptFailure, body: Buffer | null): void {
    // The one that was to write waits for a cache that never comes.
    if (this.#attempt !== attempt) this.#attempt?.abort(null)
    this.onFailure(attempt, failure, body)
  }

  onStreamStart(): void {
    const { stream, includesUsage } = this.#record.checked!
    this.#stream = new EventStream(stream && !includesUsage)
  }

  onStreamData(attempt: Attempt, chunk: Buffer): void {
    const stream = this.#stream!
    const { times } = this.#record
    const now = this.#shell.clock.monotonicMs()
    times.heardAtMs = now
    const counted = stream.contentChunks
    const bytes = stream.push(chunk)
    if (stream.contentChunks > counted) times.noteContent(now)
    const mayKeep = this.#pair !== null && this.isWaiting && stream.contentChunks === 0
    if (mayKeep && this.#keeps(attempt, stream, bytes)) return
    if (stream.isDone) {
      attempt.detach()
      return this.#endStream(bytes)
    }
    if (stream.isOversized) {
      attempt.abort('failed')
      return this.onFailure(attempt, { kind: 'broken' }, null)
    }
    if (!bytes) return
    if (this.#phase === 'waiting') this.#startStream()
    this.#answer.relay(attempt, this.#withKept(bytes))
  }

  /**
   * Of a pair nothing goes out before content has come: the role of a chat comes first, and then perhaps the error that
   * the cache could not be fetched, which another pair may do better. False: it ends without content, or says too much.
   */
  #keeps(attempt: Attempt, { hasError, isDone }: EventStream, bytes: Buffer | null): boolean {
    if (hasError) {
      attempt.abort(null)
      this.onFailure(attempt, { kind: 'status', status: 500 }, bytes && dataOf(bytes))
      return true
    }
    const keptBytes = (this.#kept?.length ?? 0) + (bytes?.length ?? 0)
    if (isDone || keptBytes > keptBytesMax) return false
    if (bytes) this.#kept = this.#withKept(bytes)
    return true
  }

  #withKept(bytes: Buffer): Buffer {
    const kept = this.#kept
    if (!kept) return bytes
    this.#kept = null
    return Buffer.concat([kept, bytes])
  }

  onStreamEnd(): void {
    this.#endStream(this.#stream!.rest())
  }

  #startStream(): void {
    this.#phase = 'streaming'
    this.#releaseBody()
    // Nothing of an answer leaves while its opening record is only in memory.
    this.#shell.journal.flush()
    if (!this.#answer.isStreaming) this.#answer.startStream(this.#headers())
  }

  #endStream(last: Buffer | null): void {
    const stream = this.#stream!
    this.#record.usage = stream.usage
    if (this.#phase === 'waiting') this.#startStream()
    const rest = this.#kept ? this.#withKept(last ?? nothing) : last
    if (stream.hasError) this.#finish('failed', 200, rest, 'engine/failed')
    else this.#finish('ok', 200, rest, null)
  }

  onAnswer(attempt: Attempt, body: Buffer): void {
    this.#record.usage = findUsage(body)
    this.#type = attempt.contentType
    this.#finish('ok', attempt.status, body, null)
  }

  onFailure(attempt: Attempt, failure: AttemptFailure, body: Buffer | null): void {
    const { attempts } = this.#record
    this.#attempt = null
    this.#pair?.onWriteFailure(failure)
    this.#pair?.release()
    const isTimeout = failure.kind === 'timeout'
    const code = isTimeout ? 'gateway/upstream-timeout' : 'gateway/upstream-failed'
    const outcome = isTimeout ? 'timeout' : 'failed'
    const message = explainFailure(failure, attempt.replica.id)
    if (this.#phase === 'streaming') {
      // The client has had a part: it gets an error frame and no `[DONE]`.
      const frame = asEvent(Buffer.from(errorJson(reject(code, message))))
      return this.#finish(outcome, 200, frame, code)
    }
    this.#stream = null
    this.#kept = null
    if (mayRetry(failure, attempts) && this.#tryAgain(failure)) return
    const shouldRetry = tellNoRetry(attempts) ? false : null
    const said = readEngineError(failure)
    if (!said) return this.#fail(reject(code, message, { shouldRetry }), outcome)
    this.#failure = { retryAfterMs: said.isBusy ? attempt.retryAfterMs : null, shouldRetry }
    const answer = normaliseError(said.status, body ?? nothing, attempt.replica.id)
    this.#finish(said.outcome, said.status, answer, said.code)
  }

  /** Elsewhere; or, where the connection was lost, at the same replica or when one becomes ready. */
  #tryAgain(failure: AttemptFailure): boolean {
    const route = this.#shell.table.routes.get(this.#record.checked!.model)
    const choice = route ? this.#choose(route) : null
    const isLost = isConnectionLost(failure) || this.#pair?.isReaderLost === true
    if (!route || !choice) return isLost && this.#hold(this.#record.times.admittedAtMs)
    if (choice.reason === 'already-tried' && !isLost) return false
    this.#send(route.replicas[choice.replica]!)
    return true
  }

  #notReady(): Rejection {
    const { checked, attempts } = this.#record
    const shouldRetry = tellNoRetry(attempts) ? false : null
    return admission.refuseNotReady(this.#shell.table, checked!.model, shouldRetry)
  }

  /** An error of the gateway's own. */
  #fail(rejection: Rejection, outcome?: Outcome): void {
    const status = statusOf(rejection)
    this.#failure = rejection
    const ended = outcome ?? (status >= 500 ? 'failed' : 'rejected')
    this.#finish(ended, status, Buffer.from(errorJson(rejection)), rejection.code)
  }

  /** Settles, records, and then sends what is left. */
  #finish(outcome: Outcome, status: number, last: Buffer | null, error: ErrorCode | null): void {
    // The client of a stream that was kept alive while it waited has had its head.
    const isLate = this.#answer.isStreaming && status !== 200
    this.#record.status = isLate ? 200 : status
    this.#last = isLate && last ? asEvent(last) : last
    this.#answer.bytes += this.#last?.length ?? 0
    this.#phase = 'recording'
    this.#shell.journal.record(this.#close(outcome, error), this)
  }

  onRecorded(): void {
    if (this.#phase !== 'recording') return
    this.#phase = 'done'
    if (this.#answer.isStreaming) return this.#answer.endStream(this.#last)
    const headers = this.#headers()
    headers.push('content-type', this.#type)
    this.#answer.sendWhole(this.#record.status, headers, this.#last!, this.#failure)
  }

  /** Ends the request's accounts. Returns its closing line. */
  #close(outcome: Outcome, error: ErrorCode | null): string {
    const { wheel, clock, limiter, meter } = this.#shell
    const record = this.#record
    wheel.clear(this)
    this.#endHold()
    this.#pair?.release(outcome === 'ok')
    this.#releaseBody()
    const contentChunks = this.#stream?.contentChunks ?? 0
    const usage = record.used(outcome, contentChunks)
    const tokens = usage.promptTokens + usage.completionTokens
    if (record.account)
      limiter.settle(record.account, record.reservedTokens, tokens, record.times.admittedAtMs)
    const sent = { contentChunks, bytes: this.#answer.bytes }
    const event = record.closing(outcome, error, usage, sent, clock.nowMs(), clock.monotonicMs())
    meter.finished(event)
    return closeLine(event)
  }

  /** The response is over, well or badly. */
  onClose(): void {
    const phase = this.#phase
    this.#phase = 'done'
    this.#shell.wheel.clear(this)
    if (phase === 'recording' || phase === 'done') return
    this.#attempt?.abort(null)
    this.#record.status = 499
    this.#shell.journal.note(this.#close('cancelled', null))
  }

  onTime(): void {
    const { wheel, clock, times } = this.#shell
    const now = clock.monotonicMs()
    if (this.#phase === 'held') {
      const waitMs = this.#holdUntilMs - now
      if (waitMs <= 0) return this.#fail(this.#notReady())
      wheel.set(this, Math.min(waitMs, times.heartbeatMs))
      return holding.beat(this.#shell, this.#record.checked!, this.#answer, () => this.#headers())
    }
    const leftMs = times.idleTimeoutMs - (now - this.#record.times.heardAtMs)
    if (leftMs > 0) return wheel.set(this, leftMs)
    // Not the engine is silent: the client does not read.
    if (this.#answer.isPaused) return this.#answer.cut()
    const attempt = this.#attempt!
    attempt.abort('failed')
    this.onFailure(attempt, { kind: 'timeout' }, null)
  }

  #releaseBody(): void {
    this.#sent?.reader.release()
    this.#sent = null
  }

  #headers(): string[] {
    return this.#record.headers(this.#shell.clock.monotonicMs())
  }
}
