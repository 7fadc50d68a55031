import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Endpoint, Outcome } from '../../contract/journal.ts'
import type { SnapshotKey } from '../../contract/snapshot.ts'
import type { Held } from '../hold-queue.ts'
import type { JournalWaiter } from '../journal.ts'
import type { LimitAccount, LimitWaiter } from '../limiter.ts'
import { estimatePromptTokens, estimateTokens } from '../policy/estimate.ts'
import {
  attemptsMax,
  isUnsent,
  mayRetry,
  tellNoRetry,
  type AttemptFailure,
} from '../policy/retry.ts'
import type { Replica, Route } from '../route-table.ts'
import type { Shell } from '../shell.ts'
import type { Timed } from '../timing-wheel.ts'
import { Attempt, type AttemptListener } from './attempt.ts'
import { authenticate } from './authenticate.ts'
import { BodyReader, type BodyListener } from './body-reader.ts'
import { scanBody, type ScannedBody } from './body-scan.ts'
import { EventStream } from './event-stream.ts'
import { normaliseError } from './foreign-error.ts'
import { refuse } from './refuse.ts'
import { errorJson, reject, statusOf, type Rejection } from './rejection.ts'
import {
  checkRequest,
  isRejection,
  rejectScan,
  shorten,
  type CheckedRequest,
} from './request-check.ts'
import { chooseRequestId, createRequestId } from './request-id.ts'
import { addLimitHeaders, addRetryHeaders, formatTiming, type HeaderList } from './response-head.ts'
import { spliceBody } from './splice.ts'
import { findUsage, type Usage } from './usage.ts'
import { closeLine, openLine } from './wide-event.ts'

const paths = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
  embeddings: '/v1/embeddings',
} as const satisfies Record<Endpoint, string>

/** `none`: before admission. `waiting`: admitted, no byte has gone to the client. */
type Phase = 'body' | 'limit' | 'held' | 'waiting' | 'streaming' | 'recording' | 'done'

/**
 * One request from its head to its last byte. One object of one shape holds all of its state and listens to all
 * that happens to it: no closures, promises or timers of its own on the way.
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
  #phase: Phase = 'body'
  #key: SnapshotKey | null = null
  #account: LimitAccount | null = null
  #reader: BodyReader | null = null
  #body: Buffer | null = null
  #bodyBytes = 0
  #scanned: ScannedBody | null = null
  #checked: CheckedRequest | null = null
  #attempt: Attempt | null = null
  #attempts = 0
  readonly #tried: string[] = []
  #stream: EventStream | null = null
  #usage: Usage | null = null
  /** Sent when the closing record is on disk. */
  #lastStatus = 0
  #lastType = 'application/json'
  #lastBytes: Buffer | null = null
  #lastRejection: Rejection | null = null
  #responseBytes = 0
  #isPaused = false

  readonly #startedAtMs: number
  #bodyAtMs = 0
  #admittedAtMs = 0
  #heldAtMs = 0
  #holdMs = 0
  #heardAtMs = 0
  #firstContentAtMs = 0
  #lastContentAtMs = 0

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
    this.#startedAtMs = shell.clock.monotonicMs()
    this.#clientId = chooseRequestId(request.headers['x-request-id'])
  }

  start(): void {
    const shell = this.#shell
    shell.active++
    this.#response.on('close', () => this.#onClose())
    const key = authenticate(this.#request.headers.authorization, shell.table, shell.clock.nowMs())
    if (isRejection(key)) return this.#refuse(key)
    this.#key = key
    const busy = this.#refusalOfTheDay()
    if (busy) return this.#refuse(busy)
    this.#reader = new BodyReader(shell.bodies, this, this.#startedAtMs)
    shell.wheel.set(this, this.#reader.patienceMs(this.#startedAtMs))
    this.#reader.start(this.#request, this.#response, () => shell.clock.monotonicMs())
  }

  // --- the request body

  onBodyRejected(rejection: Rejection): void {
    this.#refuse(rejection)
  }

  onBody(body: Buffer): void {
    const shell = this.#shell
    shell.wheel.clear(this)
    this.#bodyAtMs = shell.clock.monotonicMs()
    this.#body = body
    this.#bodyBytes = body.length
    const scanned = scanBody(body)
    if (typeof scanned === 'string') return this.#refuse(rejectScan(scanned))
    const checked = checkRequest(this.#endpoint, body, scanned)
    if (isRejection(checked)) return this.#refuse(checked)
    this.#scanned = scanned
    this.#checked = checked
    const denial = this.#checkRoute(checked.model)
    if (denial) return this.#refuse(denial)
    this.#reserve(checked)
  }

  #checkRoute(model: string): Rejection | null {
    const { table } = this.#shell
    // Before the first snapshot nobody knows which models there are.
    if (!table.isLoaded) return null
    const route = table.routes.get(model)
    const key = this.#key!
    if (!route)
      return reject(
        'gateway/unknown-model',
        `The model \`${shorten(model)}\` does not exist or you do not have access to it.`,
        { param: 'model' },
      )
    if (key.routes !== null && !key.routes.includes(model))
      return reject('key/forbidden', `This key may not use the model \`${model}\`.`, {
        param: 'model',
      })
    const task = this.#endpoint === 'embeddings' ? 'embed' : 'generate'
    if (route.task === task) return null
    return reject(
      'gateway/wrong-task',
      `The model \`${model}\` is not made for ${paths[this.#endpoint]}.`,
      { param: 'model' },
    )
  }

  // --- the key's limits

  #reserve(checked: CheckedRequest): void {
    const { limiter, journal } = this.#shell
    // The disk may have filled up while the body came.
    if (!journal.isWorking) return this.#refuse(this.#refusalOfTheDay()!)
    const key = this.#key!
    const completion = this.#endpoint === 'embeddings' ? null : checked
    this.reservedTokens = estimateTokens(this.#bodyBytes, completion, key.tokensPerMinute)
    this.#account = limiter.accountOf(key)
    if (!this.#account) return this.onAdmitted()
    const limit = key.tokensPerMinute
    if (limit !== null && this.reservedTokens > limit) {
      const message = `Request too large: the key's limit is ${limit} tokens per minute, this request may need ${this.reservedTokens}.`
      return this.#refuse(reject('limit/tokens', message, { shouldRetry: false }))
    }
    this.#phase = 'limit'
    limiter.admit(this.#account, this)
  }

  onRefused(side: 'requests' | 'tokens', retryAfterMs: number): void {
    const limits = this.#account!.lease.limits
    const limit = side === 'requests' ? limits.requestsPerMinute : limits.tokensPerMinute
    this.#refuse(
      reject(
        side === 'requests' ? 'limit/requests' : 'limit/tokens',
        `Rate limit reached for ${side} of this key: ${limit} per minute. Please try again in ${Math.ceil(retryAfterMs / 1000)}s.`,
        { retryAfterMs },
      ),
    )
  }

  onAdmitted(): void {
    const shell = this.#shell
    this.#admittedAtMs = shell.clock.monotonicMs()
    shell.journal.note(
      openLine({
        id: this.#id,
        atMs: shell.clock.nowMs(),
        key: this.#key!.id,
        route: this.#checked!.model,
        endpoint: this.#endpoint,
        stream: this.#checked!.stream,
        estimatedTokens: this.reservedTokens,
      }),
    )
    this.#phase = 'held'
    if (!this.onWake()) this.#hold()
  }

  // --- a replica

  onWake(): boolean {
    const shell = this.#shell
    const route = shell.table.routes.get(this.#checked!.model)
    if (!route) {
      if (!shell.table.isLoaded) return false
      this.#answerError(this.#checkRoute(this.#checked!.model)!, 'rejected')
      return true
    }
    const choice = shell.policy(route, this.#tried, shell.random)
    if (!choice) return false
    this.#send(route.replicas[choice.replica]!)
    return true
  }

  #hold(): void {
    const { holds, wheel, clock, times } = this.#shell
    const now = clock.monotonicMs()
    const asked = Number(this.#request.headers['x-baleen-timeout-ms'] ?? Infinity)
    const patienceMs = Math.min(times.holdTimeoutMs, asked >= 0 ? asked : Infinity)
    const leftMs = patienceMs - (now - this.#admittedAtMs)
    if (leftMs <= 0 || !holds.add(this)) return this.#answerNotReady()
    this.#phase = 'held'
    this.#heldAtMs = now
    wheel.set(this, leftMs)
  }

  #endHold(): void {
    if (this.#heldAtMs === 0) return
    this.#holdMs += this.#shell.clock.monotonicMs() - this.#heldAtMs
    this.#heldAtMs = 0
    this.#shell.holds.remove(this)
  }

  #send(replica: Replica): void {
    const { wheel, clock, times } = this.#shell
    this.#endHold()
    this.#phase = 'waiting'
    this.#attempts++
    if (!this.#tried.includes(replica.id)) this.#tried.push(replica.id)
    this.#heardAtMs = clock.monotonicMs()
    wheel.set(this, times.idleTimeoutMs)
    const checked = this.#checked!
    const body = spliceBody(this.#body!, this.#scanned!, {
      servedName: replica.servedName,
      wantsUsage: checked.stream && !checked.includesUsage,
    })
    const attempt = new Attempt(replica, this, clock)
    this.#attempt = attempt
    replica.pool.dispatch(
      {
        path: paths[this.#endpoint],
        method: 'POST',
        headers: ['content-type', 'application/json', 'x-request-id', this.#clientId ?? this.#id],
        body,
      },
      attempt,
    )
  }

  // --- its answer

  onStreamStart(): void {
    const checked = this.#checked!
    this.#stream = new EventStream(checked.stream && !checked.includesUsage)
  }

  onStreamData(attempt: Attempt, chunk: Buffer): void {
    const stream = this.#stream!
    const now = this.#shell.clock.monotonicMs()
    this.#heardAtMs = now
    const counted = stream.contentChunks
    const bytes = stream.push(chunk)
    if (stream.contentChunks > counted) {
      if (counted === 0) this.#firstContentAtMs = now
      this.#lastContentAtMs = now
    }
    if (stream.isDone) {
      attempt.detach()
      return this.#finish(stream.hasError ? 'failed' : 'ok', 200, bytes)
    }
    if (stream.isOversized) {
      attempt.abort('failed')
      return this.onFailure(attempt, { kind: 'broken' }, null)
    }
    if (bytes) this.#relay(attempt, bytes)
  }

  onStreamEnd(): void {
    const stream = this.#stream!
    this.#finish(stream.hasError ? 'failed' : 'ok', 200, stream.rest())
  }

  onAnswer(attempt: Attempt, body: Buffer): void {
    this.#usage = findUsage(body)
    this.#lastType = attempt.contentType
    this.#finish('ok', attempt.status, body)
  }

  #relay(attempt: Attempt, bytes: Buffer): void {
    const response = this.#response
    if (this.#phase === 'waiting') this.#startStream()
    this.#responseBytes += bytes.length
    if (response.write(bytes)) return
    attempt.pause()
    if (this.#isPaused) return
    this.#isPaused = true
    response.once('drain', () => {
      this.#isPaused = false
      this.#heardAtMs = this.#shell.clock.monotonicMs()
      this.#attempt?.resume()
    })
  }

  /** The head leaves with the first bytes of the body, in one segment. */
  #startStream(): void {
    this.#phase = 'streaming'
    this.#releaseBody()
    // Nothing of an answer leaves while its opening record is only in memory.
    this.#shell.journal.flush()
    const headers = this.#headers()
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

  // --- failure

  onFailure(attempt: Attempt, failure: AttemptFailure, body: Buffer | null): void {
    this.#attempt = null
    if (this.#phase === 'streaming') return this.#breakOff(failure)
    this.#stream = null
    if (mayRetry(failure, this.#attempts)) {
      if (this.#tryAgain(failure)) return
      // Unsent work waits for a replica that works, as if it had just come.
      if (isUnsent(failure)) return this.#hold()
    }
    if (failure.kind === 'status') return this.#answerStatus(attempt, body ?? Buffer.alloc(0))
    const code = failure.kind === 'timeout' ? 'gateway/upstream-timeout' : 'gateway/upstream-failed'
    this.#answerError(
      reject(code, explain(failure, attempt.replica), { shouldRetry: this.#advice() }),
      failure.kind === 'timeout' ? 'timeout' : 'failed',
    )
  }

  /** Unless only those are left that have had this request and may have worked on it. */
  #tryAgain(failure: AttemptFailure): boolean {
    const shell = this.#shell
    const route = shell.table.routes.get(this.#checked!.model)
    const choice = route && shell.policy(route, this.#tried, shell.random)
    if (!choice) return false
    if (choice.reason === 'already-tried' && !isUnsent(failure)) return false
    this.#send(route.replicas[choice.replica]!)
    return true
  }

  /** An engine's own error. What it says about keys is between it and the gateway. */
  #answerStatus(attempt: Attempt, body: Buffer): void {
    const { status, replica } = attempt
    if (status === 401 || status === 403 || status < 400) {
      const message = `The engine ${replica.id} refused the gateway with status ${status}.`
      return this.#answerError(reject('gateway/upstream-failed', message), 'failed')
    }
    const outcome = status >= 500 || status === 429 ? 'failed' : 'rejected'
    this.#finish(outcome, status, normaliseError(status, body, replica))
  }

  /** The client has had a part: it gets an error frame and no `[DONE]`. */
  #breakOff(failure: AttemptFailure): void {
    const code = failure.kind === 'timeout' ? 'gateway/upstream-timeout' : 'gateway/upstream-failed'
    const message = explain(failure, null)
    this.#lastRejection = reject(code, message)
    const frame = Buffer.from(`data: ${errorJson(this.#lastRejection)}\n\n`)
    this.#finish(failure.kind === 'timeout' ? 'timeout' : 'failed', 200, frame)
  }

  #answerNotReady(): void {
    const { table } = this.#shell
    const model = this.#checked!.model
    const route: Route | undefined = table.routes.get(model)
    const reason = route?.reason ?? 'the platform is starting'
    const why = route && route.replicas.length > 0 ? 'its replicas do not answer' : reason
    this.#answerError(
      reject('gateway/no-ready-replica', `The model \`${model}\` is not ready: ${why}.`, {
        retryAfterMs: 2000,
        shouldRetry: this.#advice(),
      }),
      'failed',
    )
  }

  #answerError(rejection: Rejection, outcome: Outcome): void {
    this.#lastRejection = rejection
    this.#finish(outcome, statusOf(rejection), Buffer.from(errorJson(rejection)))
  }

  #advice(): boolean | null {
    return tellNoRetry(this.#attempts) || this.#attempts >= attemptsMax ? false : null
  }

  // --- the end

  /** Settles, records, and then sends what is left. */
  #finish(outcome: Outcome, status: number, lastBytes: Buffer | null): void {
    this.#lastStatus = status
    this.#lastBytes = lastBytes
    this.#responseBytes += lastBytes?.length ?? 0
    const isStreaming = this.#phase === 'streaming'
    if (!isStreaming && this.#stream) this.#startStream()
    this.#phase = 'recording'
    this.#shell.journal.record(this.#close(outcome), this)
  }

  onRecorded(): void {
    if (this.#phase !== 'recording') return
    this.#phase = 'done'
    const response = this.#response
    const bytes = this.#lastBytes
    if (!this.#stream) {
      const headers = this.#headers()
      headers.push('content-type', this.#lastType, 'content-length', `${bytes?.length ?? 0}`)
      const rejection = this.#lastRejection
      if (rejection) addRetryHeaders(headers, rejection.retryAfterMs, rejection.shouldRetry)
      else if (this.#lastStatus === 429 || this.#lastStatus === 503)
        addRetryHeaders(headers, 1000, this.#advice())
      else if (this.#lastStatus >= 500) addRetryHeaders(headers, null, this.#advice())
      response.writeHead(this.#lastStatus, headers)
    }
    response.end(bytes)
  }

  /** Ends the accounts of the request and returns its closing line. */
  #close(outcome: Outcome): string {
    const shell = this.#shell
    shell.wheel.clear(this)
    this.#endHold()
    this.#releaseBody()
    const now = shell.clock.monotonicMs()
    const stream = this.#stream
    const usage = stream?.usage ?? this.#usage
    const isWorkedOn = this.#attempts > 0
    const { promptTokens, completionTokens, cachedTokens } = usage ?? {
      promptTokens:
        isWorkedOn && outcome !== 'rejected' ? estimatePromptTokens(this.#bodyBytes) : 0,
      completionTokens: stream?.contentChunks ?? 0,
      cachedTokens: 0,
    }
    if (this.#account)
      shell.limiter.settle(
        this.#account,
        this.reservedTokens,
        promptTokens + completionTokens,
        this.#admittedAtMs,
      )
    const gaps = (stream?.contentChunks ?? 0) - 1
    const event = {
      t: 'close' as const,
      id: this.#id,
      atMs: shell.clock.nowMs(),
      key: this.#key!.id,
      route: this.#checked!.model,
      endpoint: this.#endpoint,
      stream: this.#checked!.stream,
      deployment: this.#attempt?.replica.deployment ?? null,
      replica: this.#attempt?.replica.id ?? null,
      outcome,
      status: this.#lastStatus,
      error: this.#lastRejection?.code ?? (outcome === 'ok' ? null : outcome),
      clientId: this.#clientId,
      promptTokens,
      completionTokens,
      cachedTokens,
      isEstimated: usage === null,
      ttftMs: this.#firstContentAtMs > 0 ? this.#firstContentAtMs - this.#bodyAtMs : null,
      e2eMs: now - this.#bodyAtMs,
      holdMs: this.#holdMs,
      itlMsMean: gaps > 0 ? (this.#lastContentAtMs - this.#firstContentAtMs) / gaps : null,
      attempts: this.#attempts,
      requestBytes: this.#bodyBytes,
      responseBytes: this.#responseBytes,
    }
    shell.meter.finished(event)
    return closeLine(event)
  }

  /** The response is over, well or badly. */
  #onClose(): void {
    const shell = this.#shell
    shell.active--
    const phase = this.#phase
    this.#phase = 'done'
    shell.wheel.clear(this)
    if (phase === 'body') return this.#reader?.release()
    if (phase === 'limit') {
      this.#releaseBody()
      return shell.limiter.withdraw(this.#account!, this)
    }
    if (phase === 'recording' || phase === 'done') return
    this.#attempt?.abort(null)
    this.#lastStatus = 499
    shell.journal.note(this.#close('cancelled'))
  }

  onTime(): void {
    const { wheel, clock, times } = this.#shell
    const now = clock.monotonicMs()
    if (this.#phase === 'body') {
      const leftMs = this.#reader!.patienceMs(now)
      if (leftMs > 0) return wheel.set(this, leftMs)
      return this.#refuse(reject('request/too-slow', 'The request body came too slowly.'))
    }
    if (this.#phase === 'held') {
      this.#endHold()
      return this.#answerNotReady()
    }
    const leftMs = times.idleTimeoutMs - (now - this.#heardAtMs)
    if (leftMs > 0) return wheel.set(this, leftMs)
    // Not the engine is silent but the client does not read.
    if (this.#isPaused) return void this.#response.destroy()
    const attempt = this.#attempt
    if (!attempt) return
    attempt.abort('failed')
    this.onFailure(attempt, { kind: 'timeout' }, null)
  }

  /** Before admission. */
  #refuse(rejection: Rejection): void {
    const shell = this.#shell
    shell.wheel.clear(this)
    this.#releaseBody()
    this.#phase = 'done'
    shell.meter.refused(rejection.code, this.#endpoint)
    refuse(this.#request, this.#response, shell.wheel, rejection, this.#headers())
  }

  #refusalOfTheDay(): Rejection | null {
    const { isDraining, journal, shedding, random } = this.#shell
    if (isDraining)
      return reject('gateway/draining', 'This gateway is shutting down.', { retryAfterMs: 500 })
    if (!journal.isWorking)
      return reject('gateway/journal-unavailable', 'Usage cannot be recorded at the moment.', {
        retryAfterMs: 2000,
      })
    if (shedding.share > 0 && random() < shedding.share)
      return reject('gateway/overloaded', 'The gateway is overloaded.', { retryAfterMs: 1000 })
    return null
  }

  #releaseBody(): void {
    this.#reader?.release()
    this.#reader = null
    this.#body = null
    this.#scanned = null
  }

  #headers(): HeaderList {
    const { clock } = this.#shell
    const now = clock.monotonicMs()
    const headers: HeaderList = ['x-request-id', this.#clientId ?? this.#id]
    if (this.#account) addLimitHeaders(headers, this.#account.lease, now)
    if (this.#attempts === 0) return headers
    const sinceBodyMs = now - this.#bodyAtMs
    headers.push(
      'openai-processing-ms',
      `${Math.round(sinceBodyMs)}`,
      'x-baleen-attempts',
      `${this.#attempts}`,
      'server-timing',
      `hold;dur=${formatTiming(this.#holdMs)}, upstream;dur=${formatTiming(sinceBodyMs - this.#holdMs)}`,
    )
    if (this.#attempt) headers.push('x-baleen-replica', this.#attempt.replica.id)
    return headers
  }
}

function explain(failure: AttemptFailure, replica: Replica | null): string {
  const engine = replica ? `The engine ${replica.id}` : 'The engine'
  if (failure.kind === 'timeout') return `${engine} was silent for too long.`
  if (failure.kind === 'refused') return `${engine} can not be reached.`
  return `${engine} broke off the connection.`
}
