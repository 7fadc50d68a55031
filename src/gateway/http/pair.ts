import {
  sidePortOf,
  type BodyChange,
  type Handshake,
  type PairProtocol,
} from '../../engines/pairing.ts'
import { estimatePromptTokens } from '../policy/estimate.ts'
import { chooseDecode, choosePrefill, type Prompt } from '../policy/pair.ts'
import type { Choice } from '../policy/policy.ts'
import { noteRead, prefixBlocks } from '../policy/prefix-index.ts'
import { isConnectionLost, verdictOf, type AttemptFailure } from '../policy/retry.ts'
import { servedNameOf, type Prefill, type Replica, type Route } from '../route-table.ts'
import type { Shell } from '../shell.ts'
import { Attempt, type AttemptListener } from './attempt.ts'
import { scanMembers, scannedKeys, type ScannedBody, type Span } from './body-scan.ts'
import { dispatch } from './dispatch.ts'
import type { RequestRecord } from './request-record.ts'
import { setMembers, usageOf } from './splice.ts'
import { findUsage } from './usage.ts'

/** What a pair tells the exchange that it works for. */
export interface PairListener {
  /** The prompt is being read, and nothing else happens until that is over. */
  onReading(attempt: Attempt): void
  /** Now the answer is to be written, of this. `isGoingOn`: of what has been read. */
  onRead(replica: Replica, body: Buffer, isGoingOn: boolean): void
  /** Nothing of an answer has come yet: a prompt that could not be read matters. */
  readonly isWaiting: boolean
  onReadFailure(attempt: Attempt, failure: AttemptFailure, body: Buffer | null): void
}

/** How the next try goes. */
interface Plan {
  readonly prefill: Prefill
  readonly decode: Replica
  /** Null: the one that writes reads as well, for such a reason. */
  readonly reader: { readonly replica: Replica; readonly tokens: number } | null
  readonly reason: string
}

const answerTokensUsual = 512

/** Two replicas for one request: one reads its prompt, one writes its answer. Made only on routes that have such. */
export class Pair implements AttemptListener {
  readonly #shell: Shell
  readonly #record: RequestRecord
  readonly #listener: PairListener
  readonly #body: Buffer
  readonly #prompt: Prompt
  #scanned: ScannedBody<string> | null = null
  #protocol: PairProtocol | null = null
  #plan: Plan | null = null
  #handshake: Handshake | null = null
  #reading: Attempt | null = null
  #sentAtMs = 0
  /** The last one that read was lost, or what it had read was; it was not just busy. */
  isReaderLost = false
  /** Tokens that count as being under way, and where. */
  #toRead: { readonly replica: Replica; readonly tokens: number } | null = null
  #toWrite: { readonly replica: Replica; readonly tokens: number } | null = null

  constructor(
    shell: Shell,
    record: RequestRecord,
    sent: { readonly body: Buffer; readonly scanned: ScannedBody },
    listener: PairListener,
  ) {
    this.#shell = shell
    this.#record = record
    this.#listener = listener
    this.#body = sent.body
    const { messages, prompt } = sent.scanned.spans
    const { from, to } = messages ?? prompt ?? { from: 0, to: 0 }
    this.#prompt = {
      tokens: estimatePromptTokens(to - from),
      bytes: to - from,
      blocks: prefixBlocks(sent.body, from, to),
    }
  }

  /** Who writes, with who reads for it in `#plan`. Null: there is nobody. */
  choose(route: Route, target: number): Choice | null {
    const { random } = this.#shell
    const { tried, failedPrefills } = this.#record
    this.#plan = null
    const found = chooseDecode(route, tried, random, target)
    if (!found) return null
    const decode = route.replicas[found.replica]!
    const prefill = prefillAt(route, found.replica)
    if (!prefill) return found
    // It failed for want of a cache: with another one it may do.
    const choice: Choice = this.isReaderLost ? { ...found, reason: 'less-loaded' } : found
    const alone = (reason: string): Choice => {
      this.#plan = { prefill, decode, reader: null, reason }
      return choice
    }
    const { protocol } = prefill
    const unshared = this.#unshared(protocol)
    if (unshared !== null) return protocol.decodesAlone ? alone(unshared) : null
    const reads = choosePrefill(prefill, this.#prompt, prefill.index, failedPrefills, random)
    const isAgain = reads?.reason === 'already-tried'
    if (protocol.decodesAlone && (!reads || (isAgain && this.isReaderLost)))
      return alone(reads ? 'prefill-lost' : 'no-prefill')
    if (!reads) return null
    const reader = { replica: prefill.replicas[reads.replica]!, tokens: reads.tokens }
    this.#plan = { prefill, decode, reader, reason: reads.reason }
    return isAgain ? { ...choice, reason: 'already-tried' } : choice
  }

  /** Goes the way that was chosen. False: that has no pair in it. */
  send(): boolean {
    const plan = this.#plan
    if (!plan) return false
    const { prefill, decode, reader, reason } = plan
    const deployment = (reader?.replica ?? prefill.replicas[0])?.deployment ?? null
    this.#record.prefill = { deployment, replica: reader?.replica.id ?? null, reason, ms: null }
    this.#record.cachedTokens = null
    if (!reader) {
      this.#write(decode, whole, false)
      return true
    }
    const { random, clock } = this.#shell
    const { hostname, port } = new URL(reader.replica.url)
    const endpoint = this.#record.endpoint === 'chat' ? 'chat' : 'completions'
    const room = Math.floor(random() * Number.MAX_SAFE_INTEGER)
    const handshake = {
      host: hostname,
      port: sidePortOf(Number(port || 80)),
      room,
      endpoint,
    } as const
    this.#handshake = handshake
    this.#toRead = reader
    reader.replica.tokensInFlight += reader.tokens
    noteRead(prefill.index, this.#prompt.blocks, reader.replica.id)
    this.#sentAtMs = clock.monotonicMs()
    const attempt = new Attempt(reader.replica, this, clock)
    this.#reading = attempt
    const isInTurn = prefill.protocol.order === 'in-turn'
    if (isInTurn) this.#listener.onReading(attempt)
    dispatch(
      attempt,
      this.#record,
      this.#changed(prefill.protocol.prefill(handshake), reader.replica, !isInTurn),
    )
    if (!isInTurn) this.#write(decode, prefill.protocol.decode(handshake, null)!, false)
    return true
  }

  /** Nothing of what is under way is wanted any more. `isAnswered`: what is left of it does no harm. */
  release(isAnswered = false): void {
    if (isAnswered) this.#reading?.detach()
    else this.#reading?.abort(null)
    this.#reading = null
    this.#account()
    if (this.#toWrite) this.#toWrite.replica.tokensInFlight -= this.#toWrite.tokens
    this.#toWrite = null
  }

  onStreamStart(): void {}
  /** What the one that reads makes of it is nobody's answer. */
  onStreamData(): void {}
  onStreamEnd(attempt: Attempt): void {
    this.onAnswer(attempt, null)
  }

  onAnswer(_: Attempt, body: Buffer | null): void {
    const plan = this.#plan!
    this.#reading = null
    this.#account()
    this.isReaderLost = false
    const record = this.#record
    const ms = this.#shell.clock.monotonicMs() - this.#sentAtMs
    if (record.prefill) record.prefill = { ...record.prefill, ms }
    if (plan.prefill.protocol.order !== 'in-turn') return
    // The one that writes has all of the prompt from elsewhere: what it calls cached says nothing.
    const usage = body && findUsage(body)
    if (usage) record.cachedTokens = usage.cachedTokens
    const change = this.#next(plan.prefill.protocol, body)
    if (!change && record.prefill)
      record.prefill = { ...record.prefill, replica: null, reason: 'no-cache' }
    this.#write(this.#writer(plan), change ?? whole, true)
  }

  onFailure(attempt: Attempt, failure: AttemptFailure, body: Buffer | null): void {
    const record = this.#record
    this.#reading = null
    this.#account()
    if (!this.#listener.isWaiting) return
    this.#plan = null
    this.isReaderLost = isConnectionLost(failure)
    record.failedPrefills.push(attempt.replica.id)
    // It got the request at the same moment, and is not to blame.
    const at = record.tried.lastIndexOf(this.#toWrite?.replica.id ?? '')
    if (at >= 0) record.tried.splice(at, 1)
    this.#listener.onReadFailure(attempt, failure, body)
  }

  /** The one that writes failed. It may be for want of the cache: then whoever read is not asked again. */
  onWriteFailure(failure: AttemptFailure): void {
    const reader = this.#plan?.reader
    if (!reader || failure.kind !== 'status' || verdictOf(failure) !== 'failed') return
    this.#record.failedPrefills.push(reader.replica.id)
    this.isReaderLost = true
  }

  #write(replica: Replica, change: BodyChange, isGoingOn: boolean): void {
    const tokens = this.#prompt.tokens + (this.#record.checked!.maxTokens ?? answerTokensUsual)
    this.#toWrite = { replica, tokens }
    replica.tokensInFlight += tokens
    this.#listener.onRead(replica, this.#changed(change, replica, true), isGoingOn)
  }

  /** Things have moved on while the prompt was read: the least loaded of those that understand who read it. */
  #writer({ decode, prefill, reader }: Plan): Replica {
    const { table, random } = this.#shell
    const route = table.routes.get(this.#record.checked!.model)
    const at = route?.targets.findIndex(
      (target) =>
        target.deployment === decode.deployment &&
        target.prefill?.protocol === prefill.protocol &&
        target.prefill.replicas.includes(reader!.replica),
    )
    if (!route || at === undefined || at < 0) return decode
    const choice = chooseDecode(route, this.#record.tried, random, at)
    const target = route.targets[at]!
    return choice && choice.replica >= target.from && choice.replica < target.to
      ? route.replicas[choice.replica]!
      : decode
  }

  #next(protocol: PairProtocol, body: Buffer | null): BodyChange | null {
    try {
      return protocol.decode(this.#handshake!, body)
    } catch {
      return null // it speaks otherwise: the one that writes reads as well
    }
  }

  #changed({ set, replace }: BodyChange, replica: Replica, wantsStream: boolean): Buffer {
    const { stream, includesUsage, model } = this.#record.checked!
    const servedName = servedNameOf(this.#shell.table.routes.get(model), replica)
    const scanned = this.#scanned!
    const there = Object.entries({ ...nulls(this.#protocol!), ...replace })
    return setMembers(this.#body, scanned, {
      ...(wantsStream && stream && !includesUsage
        ? { stream_options: usageOf(this.#body, scanned.spans['stream_options']) }
        : {}),
      ...(servedName === null ? {} : { model: JSON.stringify(servedName) }),
      ...Object.fromEntries(there.filter(([name]) => scanned.spans[name])),
      ...set,
    })
  }

  /** Why this request is not shared out. Null: it is. */
  #unshared(protocol: PairProtocol): string | null {
    const { spans } = this.#scan(protocol)
    const named = protocol.unshared.find((name) => isSaid(this.#body, spans[name]))
    if (named !== undefined) return named
    const { endpoint } = this.#record
    return protocol.refuse({
      endpoint: endpoint === 'chat' ? 'chat' : 'completions',
      n: this.#record.checked!.n,
      hasSeveralPrompts: hasSeveral(this.#body, spans['prompt']),
    })
  }

  #scan(protocol: PairProtocol): ScannedBody<string> {
    if (this.#scanned && this.#protocol === protocol) return this.#scanned
    this.#protocol = protocol
    const { set, replace } = protocol.prefill(nowhere)
    const names = [
      ...scannedKeys,
      ...protocol.members,
      ...protocol.unshared,
      ...Object.keys(set),
      ...Object.keys(replace),
    ]
    const scanned = scanMembers(this.#body, new Map(names.map((name) => [name, name])))
    // It has been scanned before, with fewer names.
    if (typeof scanned === 'string') throw new Error(`a body that was whole is ${scanned}`)
    return (this.#scanned = scanned)
  }

  #account(): void {
    if (this.#toRead) this.#toRead.replica.tokensInFlight -= this.#toRead.tokens
    this.#toRead = null
  }
}

const nowhere: Handshake = { host: '', port: 0, room: 0, endpoint: 'chat' }

/** The request as it is. */
const whole: BodyChange = { set: {}, replace: {} }

/** Clients have no business to say where caches are. */
const nulls = ({ members }: PairProtocol): Record<string, string> =>
  Object.fromEntries(members.map((name) => [name, 'null']))

const prefillAt = ({ targets }: Route, replica: number): Prefill | null =>
  targets.find(({ from, to }) => replica >= from && replica < to)?.prefill ?? null

const isSaid = (body: Buffer, span: Span | undefined): boolean =>
  span !== undefined &&
  !['null', 'false', '0'].includes(body.toString('latin1', span.from, span.to))

/** A list of texts, or of lists of tokens. */
function hasSeveral(body: Buffer, span: Span | undefined): boolean {
  if (!span || body[span.from] !== 0x5b) return false
  const parsed: unknown = JSON.parse(body.toString('utf8', span.from, span.to))
  return Array.isArray(parsed) && typeof parsed[0] !== 'number' && parsed.length > 1
}
