import type { ScalingChange } from './cluster/autoscaler.ts'
import { Cluster } from './cluster/cluster.ts'
import { Gateway } from './cluster/gateway.ts'
import type { Replica } from './cluster/replica.ts'
import { Scaling } from './cluster/scaling.ts'
import type { SchedulerListener } from './engine/scheduler.ts'
import { createEventLog, type EventLog, type Now } from './event-log.ts'
import { eventKinds, EventQueue } from './event-queue.ts'
import { Intake } from './intake.ts'
import { type Outcome, RequestTable } from './request-table.ts'
import { Samples } from './results/samples.ts'
import type { SimulationSetup } from './setup.ts'

export interface SimulationResult {
  readonly requests: RequestTable
  /** All that there were, in the order of their start. */
  readonly replicas: readonly Replica[]
  readonly samples: Samples
  /** What autoscalers changed, in order. */
  readonly scaling: readonly ScalingChange[]
  /** Requests that found no replica ready when they came. */
  readonly held: number
  /** When the last thing happened. */
  readonly endMs: number
  /** Arrivals, step ends and all else that the run went through. */
  readonly events: number
}

/** Runs a workload through a cluster of engines, event by event. Error: `simulation/bad-workload`. */
export const simulate = (setup: SimulationSetup): SimulationResult => new Simulation(setup).run()

const holdTimeoutMsDefault = 60_000

class Simulation {
  readonly #setup: SimulationSetup
  readonly #queue = new EventQueue()
  readonly #requests: RequestTable
  readonly #intake: Intake
  readonly #cluster: Cluster
  readonly #scalings: readonly Scaling[]
  readonly #samples = new Samples()
  readonly #changes: ScalingChange[] = []
  readonly #gateway: Gateway
  readonly #log: EventLog
  readonly #now: Now = { ms: 0 }
  /** Who waits at the client for its turn. */
  readonly #gated: number[] = []
  #gatedFrom = 0
  #events = 0
  #arrivals = 0
  #inFlight = 0
  /** Events that come by the clock and keep nothing going by themselves. */
  #periodic = 0

  constructor(setup: SimulationSetup) {
    this.#setup = setup
    this.#log = createEventLog(setup.log, this.#now)
    this.#requests = new RequestTable(setup.hashTokens)
    this.#intake = new Intake(setup.workload, this.#requests)
    this.#cluster = new Cluster(setup, this.#requests, this.#schedulerListener(), {
      changed: (replica) => this.#noteReplica(replica),
      starting: (replica, readyMs) => {
        this.#noteReplica(replica)
        this.#queue.add(readyMs, eventKinds.ready, replica.index)
      },
    })
    this.#gateway = new Gateway({
      cluster: this.#cluster,
      requests: this.#requests,
      queue: this.#queue,
      log: this.#log,
      now: this.#now,
      holdTimeoutMs: setup.holdTimeoutMs ?? holdTimeoutMsDefault,
      ended: (id, outcome, reason) => this.#end(id, outcome, reason),
      holds: () => this.#wake(),
    })
    this.#scalings = setup.pools.map((_, pool) => new Scaling(this.#cluster, pool))
  }

  run(): SimulationResult {
    const { endMs = Number.POSITIVE_INFINITY, faults = [], pools, sampleMs } = this.#setup
    this.#cluster.begin()
    for (const [at, fault] of faults.entries()) this.#queue.add(fault.atMs, eventKinds.fault, at)
    for (const [pool, { autoscaler }] of pools.entries())
      if (autoscaler) this.#repeat(autoscaler.intervalMs, eventKinds.scale, pool)
    if (sampleMs !== undefined) this.#repeat(0, eventKinds.sample, 0)
    for (;;) {
      const comesByItself = this.#intake.nextMs <= this.#queue.nextMs
      const nextMs = comesByItself ? this.#intake.nextMs : this.#queue.nextMs
      if (nextMs > endMs || nextMs === Number.POSITIVE_INFINITY) break
      this.#now.ms = nextMs
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
      scaling: this.#changes,
      held: this.#gateway.heldEver,
      endMs: this.#now.ms,
      events: this.#events,
    }
  }

  #handle(kind: number, subject: number): void {
    switch (kind) {
      case eventKinds.stepEnd:
        return this.#endStep(subject)
      case eventKinds.wake:
        return this.#startStep(this.#cluster.replicas[subject]!)
      case eventKinds.arrival:
        return this.#arrive(subject)
      case eventKinds.enqueue:
        return this.#gateway.enqueue(subject)
      case eventKinds.transferred:
        return this.#gateway.transferred(subject)
      case eventKinds.ready:
        this.#cluster.ready(this.#cluster.replicas[subject]!, this.#now.ms)
        return this.#gateway.tryAllHeld()
      case eventKinds.heldAgain:
        return this.#gateway.tryHeld(subject)
      case eventKinds.fault:
        return this.#fault(subject)
      case eventKinds.restart:
        return this.#cluster.start(subject, this.#now.ms)
      case eventKinds.slowEnd:
        this.#cluster.replicas[subject]!.slowness = 1
        return
      case eventKinds.scale:
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
    this.#queue.add(this.#now.ms + this.#requests.source[id]!.atMs, eventKinds.arrival, id)
  }

  #arrive(id: number): void {
    if (this.#inFlight >= (this.#setup.concurrencyMax ?? Number.POSITIVE_INFINITY)) {
      this.#gated.push(id)
      return
    }
    this.#inFlight++
    this.#arrivals++
    this.#requests.arrivalMs[id] = this.#now.ms
    this.#log.request('request-arrived', id)
    this.#gateway.send(id)
  }

  // Requests at their replica and after

  #startStep(replica: Replica): void {
    if (replica.startStep(this.#now.ms))
      this.#queue.add(replica.stepEndsMs, eventKinds.stepEnd, replica.index)
  }

  #endStep(index: number): void {
    const replica = this.#cluster.replicas[index]!
    if (replica.stepEndsMs !== this.#now.ms) return // it crashed in between
    replica.endStep()
    this.#startStep(replica)
  }

  #schedulerListener(): SchedulerListener {
    return {
      admitted: (id) => {
        const { admittedMs, cachedTokens } = this.#requests
        if (Number.isNaN(admittedMs[id])) admittedMs[id] = this.#now.ms
        this.#log.request('request-admitted', id, { cachedTokens: cachedTokens[id]! })
      },
      preempted: (id) => this.#log.request('request-preempted', id),
      firstToken: (id) => {
        this.#requests.firstTokenMs[id] = this.#now.ms
        this.#scalingOf(id).firstToken(this.#now.ms - this.#requests.arrivalMs[id]!)
        this.#log.request('request-first-token', id)
      },
      finished: (id) => this.#gateway.leave(id),
    }
  }

  #end(id: number, outcome: Exclude<Outcome, 'open'>, reason: string | null): void {
    this.#requests.end(id, outcome, this.#now.ms)
    const gaps = this.#requests.answerTokens[id]! - 1
    if (outcome === 'finished' && gaps > 0)
      this.#scalingOf(id).finished((this.#now.ms - this.#requests.firstTokenMs[id]!) / gaps)
    this.#log.request(`request-${outcome}`, id, reason === null ? {} : { reason })
    for (const follower of this.#intake.followersOf(id)) this.#follow(follower)
    this.#inFlight--
    if (this.#gatedFrom === this.#gated.length) return
    this.#queue.add(this.#now.ms, eventKinds.arrival, this.#gated[this.#gatedFrom++]!)
  }

  // What happens to replicas

  #fault(at: number): void {
    const fault = this.#setup.faults![at]!
    const replica = this.#cluster.replicas[fault.replica]
    if (!replica || replica.state === 'stopped' || replica.state === 'failed') return
    if (fault.kind === 'slow') {
      replica.slowness = fault.factor
      this.#log.other('replica-slowed', { replica: replica.id, factor: fault.factor })
      this.#queue.add(this.#now.ms + fault.forMs, eventKinds.slowEnd, replica.index)
      return
    }
    this.#cluster.fail(replica, this.#now.ms)
    if (fault.restartMs !== null)
      this.#queue.add(this.#now.ms + fault.restartMs, eventKinds.restart, replica.pool)
    for (const id of replica.evict()) this.#gateway.lose(id, replica, { kind: 'broken' })
  }

  #scale(pool: number): void {
    this.#decide(pool)
    this.#periodic--
    this.#repeat(this.#setup.pools[pool]!.autoscaler!.intervalMs, eventKinds.scale, pool)
  }

  /** A request that finds nobody at all does not wait for the clock of an autoscaler. */
  #wake(): void {
    for (const [pool, { autoscaler }] of this.#setup.pools.entries())
      if (autoscaler && this.#scalings[pool]!.isAsleep) this.#decide(pool)
  }

  #decide(pool: number): void {
    const { autoscaler, name } = this.#setup.pools[pool]!
    const scaling = this.#scalings[pool]!
    const frame = scaling.frame(this.#now.ms, this.#arrivals, this.#gateway.holding)
    const decision = autoscaler!.decide(frame)
    const { replicas, reason } = decision
    this.#log.other('autoscaler-decided', { pool: name, replicas, reason })
    const change = scaling.apply(decision, this.#now.ms)
    if (change) this.#changes.push(change)
  }

  #scalingOf(request: number): Scaling {
    return this.#scalings[this.#cluster.replicaOf(request).pool]!
  }

  #sample(): void {
    const tokens = this.#cluster.replicas.reduce((sum, { outputs }) => sum + outputs, 0)
    const counts = { arrivals: this.#arrivals, tokens, held: this.#gateway.holding }
    this.#samples.take(this.#now.ms, this.#cluster, counts)
    this.#periodic--
    this.#repeat(this.#setup.sampleMs!, eventKinds.sample, 0)
  }

  /** Once more after a while, unless nothing else is going to happen and nobody watches any longer. */
  #repeat(afterMs: number, kind: number, subject: number): void {
    const isOver =
      this.#queue.size <= this.#periodic && this.#intake.nextMs === Number.POSITIVE_INFINITY
    if (isOver && this.#now.ms + afterMs > (this.#setup.watchMs ?? 0)) return
    this.#periodic++
    this.#queue.add(this.#now.ms + afterMs, kind, subject)
  }

  #noteReplica(replica: Replica): void {
    this.#log.other(`replica-${replica.state}`, { replica: replica.id })
  }
}
