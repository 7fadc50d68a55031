import type { DeploymentSpec, DeploymentView, ReplicaView } from '../contract/deployment.ts'
import type { SnapshotRoute } from '../contract/snapshot.ts'
import type { Clock } from '../core/clock.ts'
import { toAppError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Engine } from '../engines/engine.ts'
import type { EndedReplica, Runtime } from '../runtimes/runtime.ts'
import { failureText } from './failure-text.ts'
import { launchOf, referenceOf, type Launch } from './launch.ts'
import { reconcile, type Action } from './policy/reconcile.ts'
import type { ProbeAnswer, Replica } from './policy/replica.ts'
import { snapshotRoutes } from './policy/snapshot.ts'
import {
  failuresOf,
  replicaView,
  statusOf,
  updatedOf,
  type DeploymentCondition,
} from './policy/status.ts'
import type { Preparations } from './preparation.ts'
import type { Probe } from './probe.ts'
import { createReplicaSet } from './replica-set.ts'

/** A deployment as the store has it. */
export interface Wanted {
  readonly spec: DeploymentSpec
  readonly revision: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
}

export interface DeployerDeps {
  readonly runtime: Runtime
  /** Throws `engine/unknown`. */
  engineOf(name: string): Engine
  createPreparations(onChange: () => void): Preparations
  readonly probe: Probe
  readonly clock: Clock
  readonly log: Log
  /** What tells the replicas of a deployment apart. */
  createSuffix(): string
  /** Makes routes known to the gateways. May throw: it is called again. */
  publish(routes: readonly SnapshotRoute[]): void
  readonly meter: DeployerMeter
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
  deployments(): readonly DeploymentView[]
  replicas(): readonly ReplicaView[]
  /** The replica of a deployment that ended last, for its log. Null: none since this control started. */
  lastEnded(deployment: string): string | null
  /** Ends all replicas, each with its time to drain. */
  stopAll(): Promise<void>
  /** Stops looking. What runs goes on. */
  close(): void
}

const tickMs = 500
/** How soon it is noticed that a model has loaded. */
const probeMs = 100
/** Replicas that a new control finds are ready or dead; it does not wait long to learn which. */
const firstProbeTimeoutMs = 1000
const drainMsUnknown = 30_000

/** A deployment and what came of it so far. */
interface Known {
  readonly wanted: Wanted
  readonly launch: Launch | null
  readonly condition: DeploymentCondition
}

export function createDeployer(deps: DeployerDeps): Deployer {
  const { clock, log } = deps
  let wanted: readonly Wanted[] = []
  let timer: NodeJS.Timeout | undefined
  let probeTimer: NodeJS.Timeout | undefined
  let isAwake = false
  let trouble: string | null = null

  const preparations = deps.createPreparations(wake)
  const specOf = (name: string): DeploymentSpec | undefined =>
    wanted.find((one) => one.spec.name === name)?.spec
  const set = createReplicaSet({
    runtime: deps.runtime,
    clock,
    log,
    createSuffix: () => deps.createSuffix(),
    probe,
    drainMsOf: (name) => lookUp(specOf(name)).launch?.drainMs ?? drainMsUnknown,
    explain: (name, ended) => explain(specOf(name)?.engine, ended),
    onFailure: (name) => preparations.recheck(specOf(name)?.model ?? ''),
    onChange: wake,
  })

  return {
    async start() {
      await set.observe()
      await set.probe(firstProbeTimeoutMs)
      tick()
      timer = setInterval(() => {
        void set.observe()
        tick()
      }, tickMs)
      probeTimer = setInterval(() => void set.probe(), probeMs)
    },
    setWanted(next) {
      wanted = next
      if (timer) tick()
    },
    deployments: () =>
      look().map(({ wanted: { spec, revision, createdAtMs, updatedAtMs }, launch, condition }) => {
        const replicas = condition.replicas.map((one) => replicaView(one, condition.restarts))
        return {
          spec,
          revision,
          createdAtMs,
          updatedAtMs,
          replicas,
          updated: updatedOf(condition),
          failures: failuresOf(condition),
          warnings: [...(launch?.warnings ?? [])],
          status: statusOf(condition),
        }
      }),
    replicas: () => set.all().map((one) => replicaView(one, set.restarts.get(one.deployment))),
    lastEnded: (name) => set.lastEnded.get(name) ?? null,
    async stopAll() {
      close()
      await set.stopAll()
      publish()
    },
    close,
  }

  function close(): void {
    clearInterval(timer)
    clearInterval(probeTimer)
    timer = undefined
    preparations.close()
  }

  function tick(): void {
    const known = look()
    const desired = known.map((one) => one.condition.deployment)
    const nowMs = clock.monotonicMs()
    const { restarts } = set
    for (const action of reconcile({ desired, replicas: set.all(), restarts, nowMs })) {
      deps.meter.acted(action.kind)
      if (action.kind === 'leave') set.leave(action.id, action.reason)
      else if (action.kind === 'stop') set.stop(action.id, action.reason, action.isFailure)
      else {
        const found = known.find((one) => one.wanted.spec.name === action.deployment)
        if (found?.launch)
          set.start(action.deployment, found.wanted.revision, found.launch, action.reason)
      }
    }
    publish()
    deps.meter.reconciled(clock.monotonicMs() - nowMs)
  }

  /** Soon, and once for all that changes in one turn. */
  function wake(): void {
    if (isAwake || !timer) return
    isAwake = true
    setImmediate(() => {
      isAwake = false
      if (timer) tick()
    })
  }

  function look(): readonly Known[] {
    const replicas = set.all()
    return wanted.map((one) => {
      const { spec, revision } = one
      const { launch, reason } = lookUp(spec)
      const deployment = {
        name: spec.name,
        revision,
        replicas: spec.replicas,
        specHash: launch?.specHash ?? null,
        loadTimeoutMs: launch?.loadTimeoutMs ?? Infinity,
      }
      const condition = {
        deployment,
        replicas: replicas.filter((replica) => replica.deployment === spec.name),
        restarts: set.restarts.get(spec.name),
        preparation: reason,
        nowMs: clock.monotonicMs(),
      }
      return { wanted: one, launch, condition }
    })
  }

  function lookUp(spec: DeploymentSpec | undefined): {
    launch: Launch | null
    reason: string | null
  } {
    if (!spec || spec.replicas === 0) return { launch: null, reason: null }
    try {
      const engine = deps.engineOf(spec.engine)
      if (engine.takes === 'reference')
        return { launch: launchOf(engine, spec, referenceOf(spec.model)), reason: null }
      const preparation = preparations.of(spec.model)
      return preparation.state === 'ready'
        ? { launch: launchOf(engine, spec, preparation.path), reason: null }
        : { launch: null, reason: preparation.reason }
    } catch (thrown) {
      return { launch: null, reason: toAppError(thrown).message }
    }
  }

  async function probe(replica: Replica, timeoutMs: number): Promise<ProbeAnswer | null> {
    const spec = specOf(replica.deployment)
    if (!spec) return null
    try {
      const engine = deps.engineOf(spec.engine)
      // The path does not depend on the model, which may still be in the making after a restart.
      const { probePath } = launchOf(engine, spec, '')
      return await deps.probe(engine, replica.url, probePath, timeoutMs)
    } catch {
      return null
    }
  }

  function explain(engine: string | undefined, ended: EndedReplica): string | null {
    const failure = engine === undefined ? null : deps.engineOf(engine).explainFailure(ended)
    return failure && failureText(failure)
  }

  function publish(): void {
    const routed = look().map((one) => ({
      spec: one.wanted.spec,
      createdAtMs: one.wanted.createdAtMs,
      condition: one.condition,
    }))
    try {
      deps.publish(snapshotRoutes(routed))
      if (trouble !== null) log.info({}, 'the snapshot is written again')
      trouble = null
    } catch (thrown) {
      const { message } = toAppError(thrown)
      if (message !== trouble) log.error({}, `the snapshot can't be written: ${message}`)
      trouble = message
    }
  }
}
