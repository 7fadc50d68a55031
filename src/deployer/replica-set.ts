import type { Clock } from '../core/clock.ts'
import { toAppError } from '../core/errors.ts'
import { anywhere } from '../core/node.ts'
import type { Log } from '../core/log.ts'
import type { EndedReplica, RunningReplica, Runtime } from '../runtimes/runtime.ts'
import type { Launch } from './launch.ts'
import { afterFailure, type Restarts } from './policy/back-off.ts'
import { firstSeen, withProbe, type ProbeAnswer, type Replica } from './policy/replica.ts'

export interface ReplicaSetDeps {
  readonly runtime: Runtime
  readonly clock: Clock
  readonly log: Log
  createSuffix(): string
  /** Null: no answer in time. */
  probe(replica: Replica, timeoutMs: number): Promise<ProbeAnswer | null>
  /** For a stop of a replica whose launch is no longer known. */
  drainMsOf(deployment: string): number
  /** Why its engine ended, where its log tells. */
  explain(deployment: string, ended: EndedReplica): string | null
  onFailure(deployment: string): void
  /** Something is different from what was last looked at. */
  onChange(): void
}

/** What control knows of its replicas, noted at the moment of each act, so that no look at it can act twice. */
export interface ReplicaSet {
  all(): readonly Replica[]
  readonly restarts: ReadonlyMap<string, Restarts>
  /** By deployment. */
  readonly lastEnded: ReadonlyMap<string, string>
  start(deployment: string, revision: number, launch: Launch, reason: string): void
  /** Takes it out of the snapshot. */
  leave(id: string, reason: string): void
  stop(id: string, reason: string, isFailure: boolean): void
  /** Compares with what the runtime sees: adopts what is unknown, gives up what is gone. */
  observe(): Promise<void>
  /** Asks all that are due. */
  probe(timeoutMs?: number): Promise<void>
  stopAll(): Promise<void>
}

const probeTimeoutMs = 5000
/** A replica that is ready is asked less often than one that is waited for. */
const readyProbeMs = 1000
/** A broken replica has nothing to finish. */
const brokenGraceMs = 2000
const endedMax = 1000

export function createReplicaSet(deps: ReplicaSetDeps): ReplicaSet {
  const { runtime, clock, log } = deps
  const replicas = new Map<string, Replica>()
  const restarts = new Map<string, Restarts>()
  const lastEnded = new Map<string, string>()
  /** Ids that ended: a list taken before may still name them. */
  const ended = new Set<string>()
  /** The start or stop under way of each replica: they follow each other. */
  const operations = new Map<string, Promise<void>>()
  const probing = new Set<string>()
  const probedAtMs = new Map<string, number>()
  let isObserving = false

  const change = (id: string, changes: Partial<Replica>): void => {
    const replica = replicas.get(id)
    if (replica) replicas.set(id, { ...replica, ...changes })
  }
  const forget = (id: string): void => {
    const deployment = replicas.get(id)?.deployment
    if (deployment !== undefined) lastEnded.set(deployment, id)
    replicas.delete(id)
    probedAtMs.delete(id)
    ended.add(id)
    if (ended.size > endedMax) for (const oldest of ended.values().take(1)) ended.delete(oldest)
  }
  const fail = (replica: Replica, reason: string): void => {
    const { deployment, specHash, health, healthSinceMs } = replica
    const nowMs = clock.monotonicMs()
    const readyMs = health === 'ready' ? nowMs - healthSinceMs : 0
    const history = afterFailure(restarts.get(deployment), { specHash, readyMs, reason }, nowMs)
    restarts.set(deployment, history)
    log.warn({ replica: replica.id, deployment, failures: history.failures }, reason)
    deps.onFailure(deployment)
  }
  const operate = (id: string, work: () => Promise<void>): Promise<void> => {
    const before = operations.get(id) ?? Promise.resolve()
    const current = before.then(work).finally(() => {
      if (operations.get(id) === current) operations.delete(id)
      deps.onChange()
    })
    operations.set(id, current)
    return current
  }

  const reasonOf = ({ deployment }: Replica, ended: EndedReplica): string =>
    deps.explain(deployment, ended) ?? endReason(ended)

  runtime.watch((event) => {
    if (event.kind !== 'ended' && event.kind !== 'lost') return
    const replica = replicas.get(event.id)
    forget(event.id)
    if (replica?.phase === 'serving')
      fail(replica, event.kind === 'ended' ? reasonOf(replica, event) : event.reason)
    deps.onChange()
  })

  const start = async (replica: Replica, launch: Launch): Promise<void> => {
    const { id, deployment, revision, specHash } = replica
    try {
      const { port } = await runtime.endpoint(anywhere)
      if (replicas.get(id)?.phase !== 'serving') return // called off before it began
      const identity = { id, deployment, revision, specHash, port }
      const running = await runtime.start(identity, launch.plan(id, port), anywhere)
      change(id, { pid: running.pid, url: running.url, startedAtMs: running.startedAtMs })
      log.info({ replica: id, deployment, pid: running.pid, url: running.url }, 'started')
    } catch (thrown) {
      forget(id)
      fail(replica, toAppError(thrown).message)
    }
  }

  const stop = async (id: string, graceMs: number): Promise<void> => {
    try {
      await runtime.stop(id, graceMs)
      forget(id)
    } catch (thrown) {
      // Still there: the next look tells it to end again.
      change(id, { phase: 'leaving', phaseSinceMs: clock.monotonicMs() })
      log.error({ replica: id }, `can't be stopped: ${toAppError(thrown).message}`)
    }
  }

  const set: ReplicaSet = {
    all: () => [...replicas.values()],
    restarts,
    lastEnded,
    start(deployment, revision, launch, reason) {
      const { specHash } = launch
      const id = `${deployment}-${deps.createSuffix()}`
      const running = { id, deployment, revision, specHash, pid: null, url: '' }
      const startedAtMs = clock.nowMs()
      const replica = firstSeen({ ...running, startedAtMs }, 'starting', clock.monotonicMs())
      replicas.set(id, replica)
      log.info({ replica: id, deployment, revision, reason }, 'starts')
      void operate(id, () => start(replica, launch))
    },
    leave(id, reason) {
      change(id, { phase: 'leaving', phaseSinceMs: clock.monotonicMs(), reason })
      log.info({ replica: id, reason }, 'leaves')
    },
    stop(id, reason, isFailure) {
      const replica = replicas.get(id)
      if (!replica) return
      change(id, { phase: 'stopping', phaseSinceMs: clock.monotonicMs(), reason })
      if (isFailure) fail(replica, reason)
      log.info({ replica: id, reason }, 'stops')
      const graceMs = isFailure ? brokenGraceMs : deps.drainMsOf(replica.deployment)
      void operate(id, () => stop(id, graceMs))
    },
    async observe() {
      if (isObserving) return
      isObserving = true
      try {
        const before = set.all().filter(({ id, url }) => url !== '' && !operations.has(id))
        const listed = await runtime.list()
        for (const one of listed) if (!replicas.has(one.id) && !ended.has(one.id)) adopt(one)
        const ids = new Set(listed.map((one) => one.id))
        // Gone without a word, it seems. Stopping it makes sure: a look at processes can miss one.
        for (const { id } of before)
          if (!ids.has(id) && replicas.get(id)?.phase === 'serving')
            set.stop(id, 'its process is gone', true)
      } catch (thrown) {
        log.error({}, `can't list what runs: ${toAppError(thrown).message}`)
      } finally {
        isObserving = false
      }
    },
    async probe(timeoutMs = probeTimeoutMs) {
      await Promise.all(
        set
          .all()
          .filter(isDue)
          .map((replica) => probe(replica, timeoutMs)),
      )
    },
    async stopAll() {
      const all = set.all()
      for (const { id, deployment } of all)
        if (replicas.get(id)?.phase !== 'stopping') set.stop(id, `${deployment} shuts down`, false)
      await Promise.all(operations.values())
    },
  }
  return set

  function adopt(running: RunningReplica): void {
    const { id, deployment, pid } = running
    replicas.set(id, firstSeen(running, 'found running', clock.monotonicMs()))
    log.info({ replica: id, deployment, pid }, 'adopted')
    deps.onChange()
  }

  function isDue({ id, phase, url, health }: Replica): boolean {
    const sinceMs = clock.monotonicMs() - (probedAtMs.get(id) ?? -Infinity)
    const isPatient = health === 'ready' && sinceMs < readyProbeMs
    return phase === 'serving' && url !== '' && !probing.has(id) && !isPatient
  }

  async function probe(replica: Replica, timeoutMs: number): Promise<void> {
    const { id } = replica
    probing.add(id)
    probedAtMs.set(id, clock.monotonicMs())
    const answer = await deps.probe(replica, timeoutMs)
    probing.delete(id)
    const now = replicas.get(id)
    if (now?.phase !== 'serving') return
    const probed = withProbe(now, answer, clock.monotonicMs())
    replicas.set(id, probed)
    if (probed.health === now.health) return
    log.info({ replica: id, health: probed.health, reason: probed.reason }, 'changed')
    deps.onChange()
  }
}

function endReason({ exitCode, signal, logTail }: EndedReplica): string {
  const how =
    signal !== null
      ? `was ended by ${signal}`
      : exitCode !== null
        ? `ended with code ${exitCode}`
        : 'ended'
  const lastLine = logTail.split('\n').findLast((line) => line.trim() !== '')
  return lastLine === undefined ? how : `${how}: ${lastLine.slice(0, 300)}`
}
