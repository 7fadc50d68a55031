import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ErrorCode } from '../../core/errors.ts'
import type { Endpoint, Outcome } from '../../contract/journal.ts'
import type { SnapshotKey } from '../../contract/snapshot.ts'
import type { Held } from '../hold-queue.ts'
import type { JournalWaiter } from '../journal.ts'
import type { LimitAccount, LimitWaiter } from '../limiter.ts'
import { estimateTokens } from '../policy/estimate.ts'
import type { Choice } from '../policy/policy.ts'
import { isConnectionLost, mayRetry, tellNoRetry, type AttemptFailure } from '../policy/retry.ts'
import type { Replica, Route } from '../route-table.ts'
import type { Shell } from '../shell.ts'
import type { Timed } from '../timing-wheel.ts'
import * as admission from './admission.ts'
import { Answer, asEvent } from './answer.ts'
import { targetOf } from './asker.ts'
import { Attempt, type AttemptListener } from './attempt.ts'
import { authenticate } from './authenticate.ts'
import { BodyReader, type BodyListener } from './body-reader.ts'
import { scanBody, type ScannedBody } from './body-scan.ts'
import { EventStream } from './event-stream.ts'
import * as holding from './holding.ts'
import { explainFailure, normaliseError, readEngineError } from './foreign-error.ts'
import { refuse } from './refuse.ts'
import { errorJson, reject, statusOf, type Rejection } from './rejection.ts'
import { checkRequest, isRejection, rejectScan, type CheckedRequest } from './request-check.ts'
import { chooseRequestId, createRequestId } from './request-id.ts'
import { addLimitHeaders, addWorkHeaders, type HeaderList } from './response-head.ts'
import { spliceBody } from './splice.ts'
import { Timeline } from './timeline.ts'
import { estimateUsage, findUsage, type Usage } from './usage.ts'
import { closeLine, openLine } from './wide-event.ts'

/** `early`: no snapshot yet. From `held` to `recording` it is admitted; from `streaming` on the client has bytes. */
type Phase = 'early' | 'body' | 'limit' | 'held' | 'waiting' | 'streaming' | 'recording' | 'done'

/**
 * One request from its head to its last byte. One object of one shape holds its state and listens to all that
 * happens to it: no closures, promises or timers of its own on the way.
 */
export class Exchange
  implements Timed, BodyListener, LimitWaiter, Held, AttemptListener, JournalWaiter
{
  timedPrevious: Timed | null = null
  timedNext: Timed | null = null
  timedAt = -1
  reservedTokens = 0

  readonly #shell: Shell
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #endpoint: Endpoint
  readonly #id = createRequestId()
  readonly #clientId: string | null
  readonly #times: Timeline
  readonly #answer: Answer
  readonly #tried: string[] = []
  #phase: Phase = 'early'
  #key: SnapshotKey | null = null
  #account: LimitAccount | null = null
  #reader: BodyReader | null = null
  #body: Buffer | null = null
  #bodyBytes = 0
  #scanned: ScannedBody | null = null
  #checked: CheckedRequest | null = null
  #attempt: Attempt | null = null
  #attempts = 0
  #holdUntilMs = 0
  #replica: Replica | null = null
  #stream: EventStream | null = null
  /** How it ends; sent when the closing record is on disk. */
  #usage: Usage | null = null
  #status = 0
  #type = 'application/json'
  #last: Buffer | null = null
  #failure: Pick<Rejection, 'retryAfterMs' | 'shouldRetry'> | null = null

  constructor(
    shell: Shell,
    request: IncomingMessage,
    response: ServerResponse,
    endpoint: Endpoint,
  ) {
    this.#shell = shell
    this.#request = request
    this.#response = response
    this.#endpoint = endpoint
    this.#times = new Timeline(shell.clock.monotonicMs())
    this.#answer = new Answer(response, () => {
      this.#times.heardAtMs = shell.clock.monotonicMs()
    })
    this.#clientId = chooseRequestId(request.headers['x-request-id'])
  }

  start(): void {
    this.#shell.active++
    this.#response.on('close', () => this.#onClose())
    if (this.#shell.table.isLoaded) this.#begin()
    else if (!this.#hold(this.#times.startedAtMs)) this.#refuse(this.#notReady())
  }

  #begin(): void {
    const { table, clock, bodies, wheel } = this.#shell
    const key = authenticate(this.#request.headers.authorization, table, clock.nowMs())
    if (isRejection(key)) return this.#refuse(key)
    this.#key = key
    const refusal = admission.refuseForNow(this.#shell)
    if (refusal) return this.#refuse(refusal)
    const now = clock.monotonicMs()
    this.#phase = 'body'
    this.#reader = new BodyReader(bodies, this, now)
    wheel.set(this, this.#reader.patienceMs(now))
    this.#reader.start(this.#request, this.#response, () => clock.monotonicMs())
  }

  onBodyRejected(rejection: Rejection): void {
    this.#refuse(rejection)
  }

  onBody(body: Buffer): void {
    const { wheel, clock, table } = this.#shell
    wheel.clear(this)
    this.#times.bodyAtMs = clock.monotonicMs()
    this.#body = body
    this.#bodyBytes = body.length
    const scanned = scanBody(body)
    if (typeof scanned === 'string') return this.#refuse(rejectScan(scanned))
    const checked = checkRequest(this.#endpoint, body, scanned)
    if (isRejection(checked)) return this.#refuse(checked)
    this.#scanned = scanned
    this.#checked = checked
    const denial = admission.refuseRoute(table, this.#key!, this.#endpoint, checked.model)
    if (denial) return this.#refuse(denial)
    this.#reserve(checked)
  }

  #reserve(checked: CheckedRequest): void {
    const { limiter } = this.#shell
    const key = this.#key!
    const limit = key.tokensPerMinute
    const completion = this.#endpoint === 'embeddings' ? null : checked
    this.reservedTokens = estimateTokens(this.#bodyBytes, completion, limit)
    this.#account = limiter.accountOf(key)
    if (!this.#account) return this.onAdmitted()
    if (limit !== null && this.reservedTokens > limit)
      return this.#refuse(admission.refuseTooLarge(limit, this.reservedTokens))
    this.#phase = 'limit'
    limiter.admit(this.#account, this)
  }

  onRefused(side: 'requests' | 'tokens', retryAfterMs: number): void {
    this.#refuse(admission.refuseLimit(side, this.#account!.lease.limits, retryAfterMs))
  }

  onAdmitted(): void {
    const { clock, journal } = this.#shell
    this.#phase = 'held'
    this.#times.admittedAtMs = clock.monotonicMs()
    journal.note(openLine({ ...this.#facts(clock.nowMs()), estimatedTokens: this.reservedTokens }))
    if (!this.onWake() && !this.#hold(this.#times.admittedAtMs)) this.#fail(this.#notReady())
  }

  onWake(): boolean {
    const { table } = this.#shell
    if (this.#phase === 'early') {
      if (table.isLoaded) this.#endHold()
      if (table.isLoaded) this.#begin()
      return table.isLoaded
    }
    const route = table.routes.get(this.#checked!.model)
    const choice = route ? this.#choose(route) : null
    if (route && !choice) return false
    this.#endHold()
    if (route && choice) this.#send(route.replicas[choice.replica]!)
    else this.#fail(admission.refuseRoute(table, this.#key!, this.#endpoint, this.#checked!.model)!)
    return true
  }

  #choose(route: Route): Choice | null {
    const { policy, random } = this.#shell
    const target = targetOf(route, this.#key!, this.#request, this.#body, this.#scanned)
    return policy(route, this.#tried, random, target)
  }

  /** Waits for a replica, at most so long since then as it may. */
  #hold(sinceMs: number): boolean {
    const { holds, wheel, clock, times } = this.#shell
    const now = clock.monotonicMs()
    const model = this.#checked?.model
    const asked = this.#request.headers['x-baleen-timeout-ms']
    const leftMs = holding.patienceMs(this.#shell, model, asked) - (now - sinceMs)
    if (leftMs <= 0 || !holds.add(this)) return false
    if (this.#phase !== 'early') this.#phase = 'held'
    this.#times.heldSinceMs = now
    this.#holdUntilMs = now + leftMs
    holding.wake(this.#shell, model)
    wheel.set(this, Math.min(leftMs, times.heartbeatMs))
    return true
  }

  #endHold(): void {
    if (this.#times.heldSinceMs === 0) return
    this.#times.endHold(this.#shell.clock.monotonicMs())
    this.#shell.holds.remove(this)
    this.#shell.wheel.clear(this)
  }

  #send(replica: Replica): void {
    const { wheel, clock, times } = this.#shell
    this.#phase = 'waiting'
    this.#attempts++
    if (!this.#tried.includes(replica.id)) this.#tried.push(replica.id)
    this.#times.heardAtMs = clock.monotonicMs()
    wheel.set(this, times.idleTimeoutMs)
    const { stream, includesUsage } = this.#checked!
    const body = spliceBody(this.#body!, this.#scanned!, {
      servedName: replica.servedName,
      wantsUsage: stream && !includesUsage,
    })
    const attempt = new Attempt(replica, this, clock)
    this.#attempt = attempt
    this.#replica = replica
    const headers = ['content-type', 'application/json', 'x-request-id', this.#clientId ?? this.#id]
    const path = replica.basePath + admission.paths[this.#endpoint]
    replica.pool.dispatch({ path, method: 'POST', headers, body }, attempt)
  }

  onStreamStart(): void {
    const { stream, includesUsage } = this.#checked!
    this.#stream = new EventStream(stream && !includesUsage)
  }

  onStreamData(attempt: Attempt, chunk: Buffer): void {
    const stream = this.#stream!
    const now = this.#shell.clock.monotonicMs()
    this.#times.heardAtMs = now
    const counted = stream.contentChunks
    const bytes = stream.push(chunk)
    if (stream.contentChunks > counted) this.#times.noteContent(now)
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
    this.#answer.relay(attempt, bytes)
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
    this.#usage = stream.usage
    if (this.#phase === 'waiting') this.#startStream()
    if (stream.hasError) this.#finish('failed', 200, last, 'engine/failed')
    else this.#finish('ok', 200, last, null)
  }

  onAnswer(attempt: Attempt, body: Buffer): void {
    this.#usage = findUsage(body)
    this.#type = attempt.contentType
    this.#finish('ok', attempt.status, body, null)
  }

  onFailure(attempt: Attempt, failure: AttemptFailure, body: Buffer | null): void {
    this.#attempt = null
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
    if (mayRetry(failure, this.#attempts) && this.#tryAgain(failure)) return
    const shouldRetry = tellNoRetry(this.#attempts) ? false : null
    const said = readEngineError(failure)
    if (!said) return this.#fail(reject(code, message, { shouldRetry }), outcome)
    this.#failure = { retryAfterMs: said.isBusy ? attempt.retryAfterMs : null, shouldRetry }
    const answer = normaliseError(said.status, body ?? Buffer.alloc(0), attempt.replica)
    this.#finish(said.outcome, said.status, answer, said.code)
  }

  /** Elsewhere; or, where the connection was lost, at the same replica or when one becomes ready. */
  #tryAgain(failure: AttemptFailure): boolean {
    const { table } = this.#shell
    const route = table.routes.get(this.#checked!.model)
    const choice = route ? this.#choose(route) : null
    if (!route || !choice) return isConnectionLost(failure) && this.#hold(this.#times.admittedAtMs)
    if (choice.reason === 'already-tried' && !isConnectionLost(failure)) return false
    this.#send(route.replicas[choice.replica]!)
    return true
  }

  #notReady(): Rejection {
    const model = this.#checked?.model ?? null
    const shouldRetry = tellNoRetry(this.#attempts) ? false : null
    return admission.refuseNotReady(this.#shell.table, model, shouldRetry)
  }

  /** An error of the gateway's own, after admission. */
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
    this.#status = isLate ? 200 : status
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
    this.#answer.sendWhole(this.#status, headers, this.#last!, this.#failure)
  }

  #facts(atMs: number) {
    const { model, stream } = this.#checked!
    const key = this.#key!.id
    return { id: this.#id, atMs, key, route: model, endpoint: this.#endpoint, stream }
  }

  /** Ends the request's accounts. Returns its closing line. */
  #close(outcome: Outcome, error: ErrorCode | null): string {
    const { wheel, clock, limiter, meter } = this.#shell
    wheel.clear(this)
    this.#endHold()
    this.#releaseBody()
    const times = this.#times
    const chunks = this.#stream?.contentChunks ?? 0
    const isWorkedOn = this.#attempts > 0 && (outcome === 'ok' || outcome === 'cancelled')
    const usage = this.#usage ?? estimateUsage(this.#bodyBytes, chunks, isWorkedOn)
    const used = usage.promptTokens + usage.completionTokens
    if (this.#account) limiter.settle(this.#account, this.reservedTokens, used, times.admittedAtMs)
    const event = {
      t: 'close' as const,
      ...this.#facts(clock.nowMs()),
      deployment: this.#replica?.deployment ?? null,
      replica: this.#replica?.id ?? null,
      outcome,
      status: this.#status,
      error,
      clientId: this.#clientId,
      ...usage,
      isEstimated: this.#usage === null,
      ...times.figures(chunks, clock.monotonicMs()),
      attempts: this.#attempts,
      ...(this.#tried.length > 1 ? { failedOn: this.#tried.slice(0, -1) } : {}),
      requestBytes: this.#bodyBytes,
      responseBytes: this.#answer.bytes,
    }
    meter.finished(event)
    return closeLine(event)
  }

  /** The response is over, well or badly. */
  #onClose(): void {
    const { wheel, holds, limiter, journal } = this.#shell
    this.#shell.active--
    const phase = this.#phase
    this.#phase = 'done'
    wheel.clear(this)
    if (phase === 'recording' || phase === 'done') return
    if (phase === 'early') return holds.remove(this)
    if (phase === 'limit') limiter.withdraw(this.#account!, this)
    if (phase === 'body' || phase === 'limit') return this.#releaseBody()
    this.#attempt?.abort(null)
    this.#status = 499
    journal.note(this.#close('cancelled', null))
  }

  onTime(): void {
    const { wheel, clock, times } = this.#shell
    const now = clock.monotonicMs()
    if (this.#phase === 'early' || this.#phase === 'held') {
      const waitMs = this.#holdUntilMs - now
      if (waitMs > 0) {
        wheel.set(this, Math.min(waitMs, times.heartbeatMs))
        return holding.beat(this.#shell, this.#checked, this.#answer, () => this.#headers())
      }
      const refusal = this.#notReady()
      this.#endHold()
      return this.#phase === 'early' ? this.#refuse(refusal) : this.#fail(refusal)
    }
    if (this.#phase === 'body') {
      const leftMs = this.#reader!.patienceMs(now)
      if (leftMs > 0) return wheel.set(this, leftMs)
      return this.#refuse(reject('request/too-slow', 'The request body came too slowly.'))
    }
    const leftMs = times.idleTimeoutMs - (now - this.#times.heardAtMs)
    if (leftMs > 0) return wheel.set(this, leftMs)
    // Not the engine is silent: the client does not read.
    if (this.#answer.isPaused) return this.#answer.cut()
    const attempt = this.#attempt!
    attempt.abort('failed')
    this.onFailure(attempt, { kind: 'timeout' }, null)
  }

  /** Before admission. */
  #refuse(rejection: Rejection): void {
    const { wheel, meter } = this.#shell
    wheel.clear(this)
    this.#releaseBody()
    this.#phase = 'done'
    meter.refused(rejection.code, this.#endpoint)
    refuse(this.#request, this.#response, wheel, rejection, this.#headers())
  }

  #releaseBody(): void {
    this.#reader?.release()
    this.#reader = null
    this.#body = null
    this.#scanned = null
  }

  #headers(): HeaderList {
    const headers: HeaderList = ['x-request-id', this.#clientId ?? this.#id]
    const nowMs = this.#shell.clock.monotonicMs()
    if (this.#account) addLimitHeaders(headers, this.#account.lease, nowMs)
    if (this.#replica) addWorkHeaders(headers, this.#replica.id, this.#attempts, this.#times, nowMs)
    return headers
  }
}
