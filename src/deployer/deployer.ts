import type { DeploymentSpec, DeploymentView, ReplicaView } from '../contract/deployment.ts'
import type { JournalClose } from '../contract/journal.ts'
import type { SnapshotRoute } from '../contract/snapshot.ts'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { Node } from '../core/node.ts'
import type { Engine } from '../engines/engine.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import { createActivities } from './activities.ts'
import { createAdapters, type CallEngine } from './adapters.ts'
import { artefactsOf } from '../contract/artefacts.ts'
import { createConditions, type Known, type Wanted } from './conditions.ts'
import { createNodes } from './nodes.ts'
import { restartKey } from './policy/back-off.ts'
import { reconcile, type Action } from './policy/reconcile.ts'
import { deploymentViewOf, replicaView } from './policy/status.ts'
import type { Preparations } from './preparation.ts'
import type { Probe, Warm } from './probe.ts'
import { createPublication } from './publication.ts'
import { createQuestions } from './questions.ts'
import { createReadings, loadOf, type ReadMetrics } from './readings.ts'
import { createReplicaSet } from './replica-set.ts'
import { createRollouts, type RolloutLedger } from './rollouts.ts'
import { createStarts, type KnownWish } from './starts.ts'
import { createTakeovers } from './takeovers.ts'

export type { Wanted } from './conditions.ts'

export interface DeployerDeps {
  readonly runtime: Runtime
  /** Throws `engine/unknown`. */
  engineOf(spec: DeploymentSpec): Engine
  createPreparations(onChange: () => void): Preparations
  /** Its replicas find files of this machine: Baleen brings the model. */
  runsHere(spec: DeploymentSpec): boolean
  readonly probe: Probe
  readonly warm: Warm
  readonly readMetrics: ReadMetrics
  readonly callEngine: CallEngine
  readonly ledger: RolloutLedger
  /** Names that a demand may call a device by, lower case. */
  namesOf(model: string): readonly string[]
  readonly clock: Clock
  readonly log: Log
  /** What tells the replicas of a deployment apart. */
  createSuffix(): string
  /** Makes routes known to the gateways. May throw: it is called again. */
  publish(routes: readonly SnapshotRoute[], lost: readonly string[], ended: readonly string[]): void
  readonly meter: DeployerMeter
  readonly schedule?: Schedule
}

/** Timers, so that a test can have its own time. */
export interface Schedule {
  /** Returns what ends it. */
  every(ms: number, work: () => void): () => void
  /** Once this turn is over. */
  soon(work: () => void): void
}

const realSchedule: Schedule = {
  every(ms, work) {
    const timer = setInterval(work, ms)
    return () => clearInterval(timer)
  },
  soon: (work) => void setImmediate(work),
}

interface DeployerMeter {
  reconciled(durationMs: number): void
  acted(kind: Action['kind']): void
}

/** Keeps what runs as it is wanted: looks, decides, acts, each half second and whenever something changed. */
export interface Deployer {
  /** Adopts what runs and asks it how it is before the first snapshot, which then drops nobody. */
  start(): Promise<void>
  /** Replaces what is wanted; once started, the snapshot shows it when this returns. */
  setWanted(wanted: readonly Wanted[]): void
  /** Nodes that a person has taken out, and why: nothing starts there and what runs moves away. */
  setDrained(nodes: ReadonlyMap<string, string>): void
  /** A request was admitted; somebody who waits for a model that sleeps wakes it. */
  noteOpened(route: string): void
  /** A request has ended: it tells how its revision does, and that the model is in use. */
  noteClosed(request: JournalClose): void
  wake(route: string): void
  /** Whatever kept it from running may be mended: what failed is tried now. */
  retry(deployment: string): void
  deployments(): readonly DeploymentView[]
  replicas(): readonly ReplicaView[]
  nodes(): readonly Node[]
  /** The replica of a deployment that ended last, for its log. Null: none since this control started. */
  lastEnded(deployment: string): string | null
  /** Ends all replicas, each with its time to drain, but for those that such a runtime goes on running. */
  stopAll(isKept?: (runtime: string) => boolean): Promise<void>
  /** Stops looking. What runs goes on. */
  close(): void
}

const tickMs = 500
/** How soon it is noticed that a model has loaded. */
const probeMs = 100
/** How often it is looked at whose metrics are due. */
const readMs = 1000
/** Nodes come and go seldom, and runtimes tell when one does. */
const nodesMs = 5000
/** Replicas that a new control finds are ready or dead; it does not wait long to learn which. */
const firstProbeTimeoutMs = 1000
const drainMsUnknown = 30_000
export function createDeployer(deps: DeployerDeps): Deployer {
  const { clock, log, runtime, schedule = realSchedule } = deps
  const timers: (() => void)[] = []
  let isStarted = false
  let isAwake = false

  const preparations = deps.createPreparations(wake)
  const nodes = createNodes({ runtime, clock, log, namesOf: (model) => deps.namesOf(model) })
  const rollouts = createRollouts(deps.ledger, log)
  const activities = createActivities(clock)
  const questions = createQuestions({ ...deps, conditions: () => conditions })
  const set = createReplicaSet({
    runtime,
    clock,
    log,
    createSuffix: () => deps.createSuffix(),
    ...questions,
    drainMsOf: (name) => conditions.launchOf(name)?.drainMs ?? drainMsUnknown,
    onFailure(name) {
      const spec = conditions.specOf(name)
      for (const file of spec ? [spec.model, ...artefactsOf(spec)] : []) preparations.recheck(file)
    },
    onChange: wake,
  })
  const readings = createReadings({ ...deps, all: () => set.all(), engineOf: questions.engineOf })
  const loadOfReplica = (id: string) => loadOf(readings.of(id))
  const starts = createStarts({ set, nodes, clock, conditions: () => conditions })
  const { noRoom } = starts
  const conditions = createConditions({ ...deps, preparations, set, activities, noRoom })
  const takeovers = createTakeovers({ rollouts, clock, conditions })
  const adapters = createAdapters({ ...deps, onChange: wake })
  const publish = createPublication({ ...deps, set, adapters })

  runtime.watch((event) => {
    if (event.kind === 'node-gone') {
      nodes.noteGone(event.node, event.reason)
      set.lose(event.node, event.reason)
    }
    if (event.kind === 'node-back') {
      nodes.noteBack(event.node)
      set.find(event.node)
    }
  })

  return {
    async start() {
      await Promise.all([set.observe(), nodes.refresh()])
      await set.probe(firstProbeTimeoutMs)
      isStarted = true
      tick()
      const every = (ms: number, work: () => void) => timers.push(schedule.every(ms, work))
      every(tickMs, () => {
        void set.observe()
        tick()
      })
      every(probeMs, () => void set.probe())
      every(readMs, () => void readings.read())
      every(nodesMs, () => void nodes.refresh().then(followNodes))
    },
    setWanted(next) {
      conditions.setWanted(next)
      for (const { spec, rollout } of next) if (!rollout) rollouts.forget(spec.name)
      if (isStarted) tick()
    },
    setDrained(drained) {
      nodes.setDrained(drained)
      wake()
    },
    noteOpened: (route) => activities.open(route),
    noteClosed(request) {
      activities.close(request.route)
      takeovers.note(request)
    },
    wake(route) {
      if (activities.wake(route)) wake()
    },
    retry(name) {
      const spec = conditions.specOf(name)
      if (!spec) return
      for (const name of [spec.model, ...artefactsOf(spec)]) preparations.retry(name)
      set.forgive(name)
      wake()
    },
    deployments: () =>
      conditions.look().map((one) => deploymentViewOf(one, loadOfReplica, warningsOf(one))),
    replicas: () =>
      set.all().map((one) => {
        const history = set.restarts.get(restartKey(one.deployment, one.specHash))
        return replicaView(one, history, loadOfReplica(one.id))
      }),
    nodes: () => nodes.all(),
    lastEnded: (name) => set.lastEnded.get(name) ?? null,
    async stopAll(isKept = () => false) {
      close()
      const runtimeOf = new Map(nodes.all().map(({ name, runtime: at }) => [name, at]))
      await set.stopAll(({ node, deployment }) => {
        const at = runtimeOf.get(node ?? '') ?? conditions.specOf(deployment)?.runtime
        return at === undefined || !isKept(at)
      })
      publish(conditions.look())
    },
    close,
  }

  function close(): void {
    for (const end of timers.splice(0)) end()
    isStarted = false
    preparations.close()
  }

  function tick(): void {
    const startedMs = clock.monotonicMs()
    activities.settle(conditions.wanted(), set.all())
    const known = conditions.look()
    const wishes: KnownWish[] = []
    const byName = new Map(known.map((one) => [one.wanted.spec.name, one]))
    const actions = reconcile({
      desired: known.map((one) => one.condition.deployment),
      replicas: set.all(),
      restarts: set.restarts,
      emptying: nodes.emptying(),
      nowMs: startedMs,
    })
    for (const action of actions) {
      deps.meter.acted(action.kind)
      if (action.kind === 'leave') set.leave(action.id, action.reason)
      else if (action.kind === 'stop') set.stop(action.id, action.reason, action.isFailure)
      else {
        const one = byName.get(action.deployment)!
        const { spec } =
          action.of === 'newest' ? one.wanted : (one.wanted.rollout?.from ?? one.wanted)
        wishes.push({ start: action, spec, known: one })
      }
    }
    if (!starts.begin(wishes)) wake()
    takeovers.advance(known)
    adapters.settle(known)
    publish(conditions.lookAgain(known))
    deps.meter.reconciled(clock.monotonicMs() - startedMs)
  }

  /** What can't be honoured may depend on where it runs. */
  function warningsOf(known: Known): readonly string[] {
    const { launch, condition } = known
    const vendors = new Set(
      condition.replicas.flatMap(({ node, devices, specHash }) =>
        specHash === launch?.specHash ? (nodes.vendorOf(node, devices) ?? []) : [],
      ),
    )
    const told = [...vendors].flatMap((vendor) => launch?.warningsOn(vendor) ?? [])
    const warnings = vendors.size > 0 ? told : (launch?.warnings ?? [])
    return [...new Set([...warnings, ...adapters.troublesOf(known)])]
  }

  /** An event may have been lost. */
  function followNodes(): void {
    for (const { name, state, reason } of nodes.all())
      if (state === 'gone') set.lose(name, reason)
      else set.find(name)
  }

  /** Soon, and once for all that changes in one turn. */
  function wake(): void {
    if (isAwake || !isStarted) return
    isAwake = true
    schedule.soon(() => {
      isAwake = false
      if (isStarted) tick()
    })
  }
}
