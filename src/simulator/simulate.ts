import type { Verdict } from '../gateway/policy/breaker.ts'
import { type AttemptFailure, mayRetry, verdictOf } from '../gateway/policy/retry.ts'
import { Cluster } from './cluster/cluster.ts'
import type { Replica } from './cluster/replica.ts'
import { Scaling } from './cluster/scaling.ts'
import type { SchedulerListener } from './engine/scheduler.ts'
import { type EventName, formatEvent } from './event-log.ts'
import { EventQueue } from './event-queue.ts'
import { Intake } from './intake.ts'
import { type Outcome, RequestTable } from './request-table.ts'
import { Samples } from './results/samples.ts'
import type { SimulationSetup } from './setup.ts'

export interface SimulationResult {
  readonly requests: RequestTable
  /** All that there were, in the order of their start. */
  readonly replicas: readonly Replica[]
  readonly samples: Samples
  /** When the last thing happened. */
  readonly endMs: number
  /** Arrivals, step ends and all else that the run went through. */
  readonly events: number
}

/** Runs a workload through a cluster of engines, event by event. Error: `simulation/bad-workload`. */
export const simulate = (setup: SimulationSetup): SimulationResult => new Simulation(setup).run()

const kinds = {
  arrival: 0,
  enqueue: 1,
  wake: 2,
  stepEnd: 3,
  transferred: 4,
  ready: 5,
  fault: 6,
  slowEnd: 7,
  heldAgain: 8,
  restart: 9,
  scale: 10,
  sample: 11,
} as const

const holdTimeoutMsDefault = 60_000
/** A gateway asks again now and then: a breaker closes without anybody telling. */
const holdPollMs = 1000
const concurrencyMaxDefault = Number.POSITIVE_INFINITY

class Simulation {
  readonly #setup: SimulationSetup
  readonly #queue = new EventQueue()
  readonly #requests: RequestTable
  readonly #intake: Intake
  readonly #cluster: Cluster
  readonly #scalings: readonly Scaling[]
  readonly #samples = new Samples()
  /** Who has no replica, and until when it may wait for one. */
  readonly #held = new Map<number, number>()
  readonly #tried = new Map<number, string[]>()
  /** Who waits at the client for its turn. */
  readonly #gated: number[] = []
  #gatedFrom = 0
  #nowMs = 0
  #events = 0
  #arrivals = 0
  #inFlight = 0
  /** Events that come by the clock and keep nothing going by themselves. */
  #periodic = 0

  constructor(setup: SimulationSetup) {
    this.#setup = setup
    this.#requests = new RequestTable(setup.hashTokens)
    this.#intake = new Intake(setup.workload, this.#requests)
    this.#cluster = new Cluster(setup, this.#requests, this.#schedulerListener(), {
      changed: (replica) => this.#noteReplica(replica),
      starting: (replica, readyMs) => {
        this.#noteReplica(replica)
        this.#queue.add(readyMs, kinds.ready, replica.index)
      },
    })
    this.#scalings = setup.pools.map((_, pool) => new Scaling(this.#cluster, pool))
  }

  run(): SimulationResult {
    const { endMs = Number.POSITIVE_INFINITY, faults = [], pools, sampleMs } = this.#setup
    this.#cluster.begin()
    for (const [at, fault] of faults.entries()) this.#queue.add(fault.atMs, kinds.fault, at)
    for (const [pool, { autoscaler }] of pools.entries())
      if (autoscaler) this.#repeat(autoscaler.intervalMs, kinds.scale, pool)
    if (sampleMs !== undefined) this.#repeat(0, kinds.sample, 0)
    for (;;) {
      const comesByItself = this.#intake.nextMs <= this.#queue.nextMs
      const nextMs = comesByItself ? this.#intake.nextMs : this.#queue.nextMs
      if (nextMs > endMs || nextMs === Number.POSITIVE_INFINITY) break
      this.#nowMs = nextMs
      this.#events++
      if (comesByItself) this.#take()
      else {
        this.#queue.pop()
        this.#handle(this.#queue.kind, this.#queue.subject)
      }
    }
    for (const replica of this.#cluster.replicas) replica.settle()
    return {
      requests: this.#requests,
      replicas: this.#cluster.replicas,
      samples: this.#samples,
      endMs: this.#nowMs,
      events: this.#events,
    }
  }

  #handle(kind: number, subject: number): void {
    switch (kind) {
      case kinds.stepEnd:
        return this.#endStep(subject)
      case kinds.wake:
        return this.#startStep(this.#cluster.replicas[subject]!)
      case kinds.arrival:
        return this.#arrive(subject)
      case kinds.enqueue:
        return this.#enqueue(subject)
      case kinds.transferred:
        return this.#transferred(subject)
      case kinds.ready:
        return this.#ready(this.#cluster.replicas[subject]!)
      case kinds.heldAgain:
        return this.#tryHeld(subject)
      case kinds.fault:
        return this.#fault(subject)
      case kinds.restart:
        return this.#cluster.start(subject, this.#nowMs)
      case kinds.slowEnd:
        this.#cluster.replicas[subject]!.slowness = 1
        return
      case kinds.scale:
        return this.#scale(subject)
      default:
        return this.#sample()
    }
  }

  // Requests on their way to a replica

  #take(): void {
    const id = this.#intake.take()
    for (const late of this.#intake.takeLate()) this.#follow(late)
    this.#arrive(id)
  }

  #follow(id: number): void {
    this.#queue.add(this.#nowMs + this.#requests.source[id]!.atMs, kinds.arrival, id)
  }

  #arrive(id: number): void {
    if (this.#inFlight >= (this.#setup.concurrencyMax ?? concurrencyMaxDefault)) {
      this.#gated.push(id)
      return
    }
    this.#inFlight++
    this.#arrivals++
    this.#requests.arrivalMs[id] = this.#nowMs
    this.#note('request-arrived', id)
    this.#send(id)
  }

  /** To a replica of its route; where none is available the gateway holds it. */
  #send(id: number): void {
    if (this.#dispatch(id)) return
    const { holdTimeoutMs = holdTimeoutMsDefault } = this.#setup
    this.#held.set(id, this.#nowMs + holdTimeoutMs)
    this.#note('request-held', id)
    this.#tryAgainSoon(id)
  }

  #tryHeld(id: number): void {
    const untilMs = this.#held.get(id)
    if (untilMs === undefined) return
    if (this.#nowMs >= untilMs) this.#end(id, 'rejected', 'no-ready-replica')
    else if (!this.#dispatch(id)) this.#tryAgainSoon(id)
  }

  #tryAgainSoon(id: number): void {
    const atMs = Math.min(this.#held.get(id)!, this.#nowMs + holdPollMs)
    this.#queue.add(atMs, kinds.heldAgain, id)
  }

  #dispatch(id: number): boolean {
    const route = this.#cluster.routeOf(id, this.#phaseOf(id))
    const choice = route.choose(this.#tried.get(id) ?? [], this.#nowMs)
    if (!choice) return false
    const { to: replica, reason } = choice
    const { replica: places, attempts, goalTokens, answerTokens } = this.#requests
    this.#held.delete(id)
    places[id] = replica.index
    attempts[id]!++
    goalTokens[id] = this.#cluster.isPrefillOnly(replica) ? 1 : answerTokens[id]!
    replica.inFlight++
    this.#note('request-routed', id, { replica: replica.id, reason })
    const { requestOverheadMs } = this.#cluster.pools[replica.pool]!.engine
    if (requestOverheadMs > 0) this.#queue.add(this.#nowMs + requestOverheadMs, kinds.enqueue, id)
    else this.#enqueue(id)
    return true
  }

  #enqueue(id: number): void {
    const replica = this.#replicaOf(id)
    if (replica.state === 'failed') return this.#lose(id, replica, { kind: 'refused' })
    const refusal = replica.enqueue(id)
    if (refusal === 'queue-full') return this.#lose(id, replica, { kind: 'status', status: 503 })
    if (refusal !== null) {
      this.#settle(id, replica, 'ok')
      return this.#end(id, 'rejected', refusal)
    }
    // After all that comes at this very moment, so that it starts together.
    if (Number.isNaN(replica.stepEndsMs)) this.#queue.add(this.#nowMs, kinds.wake, replica.index)
  }

  /** An attempt failed: another replica is tried while the client has seen nothing, as the gateway does. */
  #lose(id: number, replica: Replica, failure: AttemptFailure): void {
    const { attempts, firstTokenMs } = this.#requests
    this.#settle(id, replica, verdictOf(failure))
    const isUnseen = Number.isNaN(firstTokenMs[id])
    if (!isUnseen || !mayRetry(failure, attempts[id]!))
      return this.#end(id, failure.kind === 'status' ? 'rejected' : 'failed', failure.kind)
    this.#tried.set(id, [...(this.#tried.get(id) ?? []), replica.id])
    this.#note('request-retried', id, { after: failure.kind })
    this.#send(id)
  }

  // Requests at their replica and after

  #startStep(replica: Replica): void {
    if (replica.startStep(this.#nowMs))
      this.#queue.add(replica.stepEndsMs, kinds.stepEnd, replica.index)
  }

  #endStep(index: number): void {
    const replica = this.#cluster.replicas[index]!
    if (replica.stepEndsMs !== this.#nowMs) return // it crashed in between
    replica.endStep()
    this.#startStep(replica)
  }

  #schedulerListener(): SchedulerListener {
    return {
      admitted: (id) => {
        const { admittedMs, cachedTokens } = this.#requests
        if (Number.isNaN(admittedMs[id])) admittedMs[id] = this.#nowMs
        this.#note('request-admitted', id, { cachedTokens: cachedTokens[id]! })
      },
      preempted: (id) => this.#note('request-preempted', id),
      firstToken: (id) => {
        this.#requests.firstTokenMs[id] = this.#nowMs
        this.#note('request-first-token', id)
      },
      finished: (id) => this.#leave(id),
    }
  }

  /** Its replica is done with it: that was all, or another one decodes on. */
  #leave(id: number): void {
    const { produced, answerTokens, promptTokens } = this.#requests
    const replica = this.#replicaOf(id)
    this.#settle(id, replica, 'ok')
    if (produced[id]! >= answerTokens[id]!) return this.#end(id, 'finished', null)
    const transferMs = this.#cluster.pools[replica.pool]!.transferMs?.(promptTokens[id]!) ?? 0
    this.#tried.delete(id)
    this.#queue.add(this.#nowMs + transferMs, kinds.transferred, id)
  }

  #transferred(id: number): void {
    const { receivedTokens, promptTokens } = this.#requests
    receivedTokens[id] = promptTokens[id]!
    this.#note('request-transferred', id)
    this.#send(id)
  }

  #settle(id: number, replica: Replica, verdict: Verdict): void {
    replica.inFlight--
    this.#cluster.routeOf(id, this.#cluster.phaseOf(replica)).settle(replica, verdict, this.#nowMs)
    this.#cluster.stopIfDrained(replica, this.#nowMs)
  }

  #end(id: number, outcome: Exclude<Outcome, 'open'>, reason: string | null): void {
    this.#requests.end(id, outcome, this.#nowMs)
    this.#held.delete(id)
    this.#tried.delete(id)
    this.#note(`request-${outcome}`, id, reason === null ? {} : { reason })
    for (const follower of this.#intake.followersOf(id)) this.#follow(follower)
    this.#inFlight--
    if (this.#gatedFrom === this.#gated.length) return
    this.#queue.add(this.#nowMs, kinds.arrival, this.#gated[this.#gatedFrom++]!)
  }

  // What happens to replicas

  #fault(at: number): void {
    const fault = this.#setup.faults![at]!
    const replica = this.#cluster.replicas[fault.replica]
    if (!replica || replica.state === 'stopped' || replica.state === 'failed') return
    if (fault.kind === 'slow') {
      replica.slowness = fault.factor
      this.#note('replica-slowed', null, { replica: replica.id, factor: fault.factor })
      this.#queue.add(this.#nowMs + fault.forMs, kinds.slowEnd, replica.index)
      return
    }
    this.#cluster.fail(replica, this.#nowMs)
    if (fault.restartMs !== null)
      this.#queue.add(this.#nowMs + fault.restartMs, kinds.restart, replica.pool)
    for (const id of replica.evict()) this.#lose(id, replica, { kind: 'broken' })
  }

  #ready(replica: Replica): void {
    this.#cluster.ready(replica, this.#nowMs)
    for (const id of this.#held.keys()) this.#dispatch(id) // a map may lose what it has shown
  }

  #scale(pool: number): void {
    const { autoscaler } = this.#setup.pools[pool]!
    const scaling = this.#scalings[pool]!
    const decision = autoscaler!.decide(scaling.frame(this.#nowMs, this.#arrivals))
    const { replicas, reason } = decision
    this.#note('autoscaler-decided', null, {
      pool: this.#setup.pools[pool]!.name,
      replicas,
      reason,
    })
    scaling.apply(decision, this.#nowMs)
    this.#periodic--
    this.#repeat(autoscaler!.intervalMs, kinds.scale, pool)
  }

  #sample(): void {
    const tokens = this.#cluster.replicas.reduce((sum, { totals }) => sum + totals.outputs, 0)
    const counts = { arrivals: this.#arrivals, tokens, held: this.#held.size }
    this.#samples.take(this.#nowMs, this.#cluster, counts)
    this.#periodic--
    this.#repeat(this.#setup.sampleMs!, kinds.sample, 0)
  }

  /** Once more after a while, unless nothing else is going to happen. */
  #repeat(afterMs: number, kind: number, subject: number): void {
    if (this.#queue.size <= this.#periodic && this.#intake.nextMs === Number.POSITIVE_INFINITY)
      return
    this.#periodic++
    this.#queue.add(this.#nowMs + afterMs, kind, subject)
  }

  #phaseOf(id: number): 'entry' | 'decode' {
    return this.#requests.receivedTokens[id]! > 0 ? 'decode' : 'entry'
  }

  #replicaOf(id: number): Replica {
    return this.#cluster.replicas[this.#requests.replica[id]!]!
  }

  #noteReplica(replica: Replica): void {
    this.#note(`replica-${replica.state}`, null, { replica: replica.id })
  }

  #note(event: EventName, request: number | null, fields: Fields = {}): void {
    this.#setup.log?.(
      formatEvent(this.#nowMs, event, request === null ? fields : { request, ...fields }),
    )
  }
}

type Fields = Readonly<Record<string, string | number>>
