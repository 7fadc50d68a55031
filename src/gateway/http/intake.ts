import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Endpoint } from '../../contract/journal.ts'
import type { Held } from '../hold-queue.ts'
import type { LimitWaiter } from '../limiter.ts'
import { estimateTokens } from '../policy/estimate.ts'
import type { Shell } from '../shell.ts'
import type { Timed } from '../timing-wheel.ts'
import * as admission from './admission.ts'
import { authenticate } from './authenticate.ts'
import { BodyReader, type BodyListener } from './body-reader.ts'
import { scanBody, type ScannedBody } from './body-scan.ts'
import { Exchange } from './exchange.ts'
import * as holding from './holding.ts'
import { refuse } from './refuse.ts'
import { reject, type Rejection } from './rejection.ts'
import { checkRequest, isRejection, rejectScan } from './request-check.ts'
import { chooseRequestId } from './request-id.ts'
import { RequestRecord } from './request-record.ts'

/** Where the config asks for prompts in the log: more than this of one is not needed to recognise it. */
const promptBytesLogged = 16 * 2 ** 10

/** `early`: no snapshot yet. */
type Phase = 'early' | 'body' | 'limit' | 'done'

/**
 * One request from its head until it is admitted, where an `Exchange` takes over, or refused. One object of one shape
 * holds its state and listens to all that happens to it: no closures, promises or timers of its own on the way.
 */
export class Intake implements Timed, BodyListener, LimitWaiter, Held {
  timedPrevious: Timed | null = null
  timedNext: Timed | null = null
  timedAt = -1

  readonly #shell: Shell
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #record: RequestRecord
  #phase: Phase = 'early'
  #reader: BodyReader | null = null
  #body: Buffer | null = null
  #scanned: ScannedBody | null = null
  #exchange: Exchange | null = null

  constructor(
    shell: Shell,
    request: IncomingMessage,
    response: ServerResponse,
    endpoint: Endpoint,
  ) {
    this.#shell = shell
    this.#request = request
    this.#response = response
    const clientId = chooseRequestId(request.headers['x-request-id'])
    this.#record = new RequestRecord(endpoint, clientId, shell.clock.monotonicMs())
  }

  get reservedTokens(): number {
    return this.#record.reservedTokens
  }

  start(): void {
    this.#shell.active++
    this.#response.on('close', () => this.#onClose())
    if (this.#shell.table.isLoaded) this.#begin()
    else if (!this.#hold()) this.#refuseNotReady()
  }

  #begin(): void {
    const { clock, bodies, wheel } = this.#shell
    const key = authenticate(this.#request.headers.authorization, this.#shell)
    if (isRejection(key)) return this.#refuse(key)
    this.#record.key = key
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
    const record = this.#record
    wheel.clear(this)
    record.times.bodyAtMs = clock.monotonicMs()
    record.bodyBytes = body.length
    const scanned = scanBody(body)
    if (typeof scanned === 'string')
      return this.#refuse(rejectScan(scanned, this.#request.headers['content-encoding']))
    const checked = checkRequest(record.endpoint, body, scanned)
    if (isRejection(checked)) return this.#refuse(checked)
    this.#body = body
    this.#scanned = scanned
    record.checked = checked
    if (!table.routes.has(checked.model)) this.#shell.catchUp()
    const denial = admission.refuseRoute(table, record.key!, record.endpoint, checked.model)
    if (denial) return this.#refuse(denial)
    this.#reserve()
  }

  #reserve(): void {
    const { limiter } = this.#shell
    const record = this.#record
    const key = record.key!
    const limit = key.tokensPerMinute
    const completion = record.endpoint === 'embeddings' ? null : record.checked
    record.reservedTokens = estimateTokens(record.bodyBytes, completion, limit)
    record.account = limiter.accountOf(key)
    if (!record.account) return this.onAdmitted()
    if (limit !== null && record.reservedTokens > limit)
      return this.#refuse(admission.refuseTooLarge(limit, record.reservedTokens))
    this.#phase = 'limit'
    limiter.admit(record.account, this)
  }

  onRefused(side: 'requests' | 'tokens', retryAfterMs: number): void {
    this.#refuse(admission.refuseLimit(side, this.#record.account!.lease.limits, retryAfterMs))
  }

  onAdmitted(): void {
    this.#phase = 'done'
    if (this.#shell.logsPrompts) this.#logPrompt()
    const sent = { body: this.#body!, scanned: this.#scanned!, reader: this.#reader! }
    this.#body = this.#scanned = this.#reader = null
    this.#exchange = new Exchange(this.#shell, this.#request, this.#response, this.#record, sent)
    this.#exchange.start()
  }

  #logPrompt(): void {
    const { id, clientId, checked } = this.#record
    const { messages, prompt, input } = this.#scanned!.spans
    const { from, to } = messages ?? prompt ?? input ?? { from: 0, to: 0 }
    const text = this.#body!.toString('utf8', from, Math.min(to, from + promptBytesLogged))
    const length = to - from
    this.#shell.log.info({ id, clientId, route: checked!.model, prompt: text, length }, 'prompt')
  }

  /** Waits for the first snapshot. */
  #hold(): boolean {
    const { holds, wheel, clock } = this.#shell
    const asked = this.#request.headers['x-baleen-timeout-ms']
    const leftMs = holding.patienceMs(this.#shell, undefined, asked)
    if (leftMs <= 0 || !holds.add(this)) return false
    this.#record.times.heldSinceMs = clock.monotonicMs()
    wheel.set(this, leftMs)
    return true
  }

  onWake(): boolean {
    if (!this.#shell.table.isLoaded) return false
    this.#endHold()
    this.#begin()
    return true
  }

  #endHold(): void {
    this.#record.times.endHold(this.#shell.clock.monotonicMs())
    this.#shell.holds.remove(this)
    this.#shell.wheel.clear(this)
  }

  onTime(): void {
    const { wheel, clock } = this.#shell
    if (this.#phase === 'early') {
      this.#endHold()
      return this.#refuseNotReady()
    }
    const leftMs = this.#reader!.patienceMs(clock.monotonicMs())
    if (leftMs > 0) return wheel.set(this, leftMs)
    this.#refuse(reject('request/too-slow', 'The request body came too slowly.'))
  }

  /** The response is over, well or badly. */
  #onClose(): void {
    const { wheel, holds, limiter } = this.#shell
    this.#shell.active--
    if (this.#exchange) return this.#exchange.onClose()
    wheel.clear(this)
    if (this.#phase === 'early') holds.remove(this)
    if (this.#phase === 'limit') limiter.withdraw(this.#record.account!, this)
    this.#phase = 'done'
    this.#releaseBody()
  }

  #refuseNotReady(): void {
    this.#refuse(admission.refuseNotReady(this.#shell.table, null, null))
  }

  #refuse(rejection: Rejection): void {
    const { wheel, meter, clock } = this.#shell
    wheel.clear(this)
    this.#releaseBody()
    this.#phase = 'done'
    meter.refused(rejection.code, this.#record.endpoint)
    const headers = this.#record.headers(clock.monotonicMs())
    refuse(this.#request, this.#response, wheel, rejection, headers)
  }

  #releaseBody(): void {
    this.#reader?.release()
    this.#reader = null
    this.#body = null
    this.#scanned = null
  }
}
