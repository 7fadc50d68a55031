import type { Verdict } from '../../gateway/policy/breaker.ts'
import { type AttemptFailure, mayRetry, verdictOf } from '../../gateway/policy/retry.ts'
import type { EventLog, Now } from '../event-log.ts'
import { eventKinds, type EventQueue } from '../event-queue.ts'
import type { Outcome, RequestTable } from '../request-table.ts'
import type { Cluster } from './cluster.ts'
import type { Replica } from './replica.ts'

/** What a gateway works on; all of it is the run's. */
export interface GatewayWorld {
  readonly cluster: Cluster
  readonly requests: RequestTable
  readonly queue: EventQueue
  readonly log: EventLog
  readonly now: Now
  readonly holdTimeoutMs: number
  /** A request is over. */
  ended(request: number, outcome: Exclude<Outcome, 'open'>, reason: string | null): void
  /** A request has no replica and is kept. */
  holds(): void
}

/** A gateway asks again now and then: a breaker closes without anybody telling. */
const holdPollMs = 1000

/**
 * Brings requests to replicas as the gateway's shell does: by its policy, held while none is available, and tried
 * elsewhere as long as the client has seen nothing.
 */
export class Gateway {
  readonly #world: GatewayWorld
  /** Who has no replica, and until when it may wait for one. */
  readonly #held = new Map<number, number>()
  readonly #tried = new Map<number, string[]>()

  constructor(world: GatewayWorld) {
    this.#world = world
  }

  /** Requests that ever had to wait for a replica. */
  heldEver = 0

  get holding(): number {
    return this.#held.size
  }

  send(id: number): void {
    if (this.#dispatch(id)) return
    const { now, log, holdTimeoutMs } = this.#world
    this.#held.set(id, now.ms + holdTimeoutMs)
    log.request('request-held', id)
    this.heldEver++
    this.#tryAgainSoon(id)
    this.#world.holds()
  }

  /** One that is held, once more. */
  tryHeld(id: number): void {
    const untilMs = this.#held.get(id)
    if (untilMs === undefined) return
    if (this.#world.now.ms >= untilMs) this.#end(id, 'rejected', 'no-ready-replica')
    else if (!this.#dispatch(id)) this.#tryAgainSoon(id)
  }

  /** All that are held, because a replica has become ready. */
  tryAllHeld(): void {
    for (const id of this.#held.keys()) this.#dispatch(id) // a map may lose what it has shown
  }

  /** It has reached its replica. */
  enqueue(id: number): void {
    const { cluster, queue, now } = this.#world
    const replica = cluster.replicaOf(id)
    if (replica.state === 'failed') return this.lose(id, replica, { kind: 'refused' })
    const refusal = replica.enqueue(id)
    if (refusal === 'queue-full') return this.lose(id, replica, { kind: 'status', status: 503 })
    if (refusal !== null) {
      this.#settle(id, replica, 'ok')
      return this.#end(id, 'rejected', refusal)
    }
    // After all that comes at this very moment, so that it starts together.
    if (Number.isNaN(replica.stepEndsMs)) queue.add(now.ms, eventKinds.wake, replica.index)
  }

  /** An attempt failed: another replica is tried while the client has seen nothing. */
  lose(id: number, replica: Replica, failure: AttemptFailure): void {
    const { attempts, firstTokenMs } = this.#world.requests
    this.#settle(id, replica, verdictOf(failure))
    const isUnseen = Number.isNaN(firstTokenMs[id])
    if (!isUnseen || !mayRetry(failure, attempts[id]!))
      return this.#end(id, failure.kind === 'status' ? 'rejected' : 'failed', failure.kind)
    this.#tried.set(id, [...(this.#tried.get(id) ?? []), replica.id])
    this.#world.log.request('request-retried', id, { after: failure.kind })
    this.send(id)
  }

  /** Its replica is done with it: that was all, or another one decodes on. */
  leave(id: number): void {
    const { cluster, requests, queue, now } = this.#world
    const replica = cluster.replicaOf(id)
    this.#settle(id, replica, 'ok')
    if (requests.produced[id]! >= requests.answerTokens[id]!) return this.#end(id, 'finished', null)
    this.#tried.delete(id)
    const transferMs = cluster.pools[replica.pool]!.transferMs?.(requests.promptTokens[id]!) ?? 0
    queue.add(now.ms + transferMs, eventKinds.transferred, id)
  }

  /** Its KV has come to where it will be decoded. */
  transferred(id: number): void {
    const { requests, log } = this.#world
    requests.receivedTokens[id] = requests.promptTokens[id]!
    log.request('request-transferred', id)
    this.send(id)
  }

  #dispatch(id: number): boolean {
    const { cluster, requests, queue, now, log } = this.#world
    const phase = requests.receivedTokens[id]! > 0 ? 'decode' : 'entry'
    const choice = cluster.routeOf(id, phase).choose(this.#tried.get(id) ?? [], now.ms)
    if (!choice) return false
    const { to: replica, reason } = choice
    this.#held.delete(id)
    requests.replica[id] = replica.index
    requests.attempts[id]!++
    requests.goalTokens[id] = cluster.isPrefillOnly(replica) ? 1 : requests.answerTokens[id]!
    replica.inFlight++
    log.request('request-routed', id, { replica: replica.id, reason })
    const { requestOverheadMs } = cluster.pools[replica.pool]!.engine
    if (requestOverheadMs > 0) queue.add(now.ms + requestOverheadMs, eventKinds.enqueue, id)
    else this.enqueue(id)
    return true
  }

  #tryAgainSoon(id: number): void {
    const { queue, now } = this.#world
    const atMs = Math.min(this.#held.get(id)!, now.ms + holdPollMs)
    queue.add(atMs, eventKinds.heldAgain, id)
  }

  #settle(id: number, replica: Replica, verdict: Verdict): void {
    const { cluster, now } = this.#world
    replica.inFlight--
    cluster.routeOf(id, cluster.phaseOf(replica)).settle(replica, verdict, now.ms)
    cluster.stopIfDrained(replica, now.ms)
  }

  #end(id: number, outcome: Exclude<Outcome, 'open'>, reason: string | null): void {
    this.#held.delete(id)
    this.#tried.delete(id)
    this.#world.ended(id, outcome, reason)
  }
}
