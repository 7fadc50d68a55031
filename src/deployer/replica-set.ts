import { endReason } from './end-reason.ts'
import { toAppError } from '../core/errors.ts'
import { anywhere, type AcceleratorRequest, type Assignment } from '../core/node.ts'
import type { EndedReplica, RunningReplica, Runtime } from '../runtimes/runtime.ts'
import { failureText } from './failure-text.ts'
import type { Launch } from './launch.ts'
import { createRoster } from './roster.ts'
import { afterFailure, restartKey, type Restarts } from './policy/back-off.ts'
import { firstSeen, withSight, type Replica } from './policy/replica.ts'
import { createProber, type ProberDeps } from './prober.ts'

export interface ReplicaSetDeps extends Omit<ProberDeps, 'roster'> {
  readonly runtime: Runtime
  createSuffix(): string
  /** For a stop of a replica whose launch is no longer known. */
  drainMsOf(deployment: string): number
  /** Why its engine ended, where its log tells. */
  explain(deployment: string, ended: EndedReplica): string | null
  onFailure(deployment: string): void
}

export interface StartWish {
  readonly deployment: string
  readonly revision: number
  readonly launch: Launch
  readonly place: { readonly runtime: string | null; readonly node: string | null }
  readonly devices: readonly string[]
  /** Whose accelerators it gets, `cpu` where there are none. Null: nobody knows. */
  readonly vendor: string | null
  /** What of the deployment's placement its runtime has to know. */
  readonly rules: Pick<Assignment, 'labels' | 'tolerates'>
  /** On several nodes that its runtime chooses; `devices` are then only kept free for it. Null: on one. */
  readonly span?: { readonly nodes: number; readonly accelerators: AcceleratorRequest } | null
  readonly reason: string
}

/** What control knows of its replicas, noted at the moment of each act, so that no look at it can act twice. */
export interface ReplicaSet {
  /** The same array as long as nothing changes. */
  all(): readonly Replica[]
  of(deployment: string): readonly Replica[]
  /** By `restartKey`. */
  readonly restarts: ReadonlyMap<string, Restarts>
  /** Of a replica that runs or ended lately: requests may still tell of it. Null: nobody knows. */
  hashOf(id: string): string | null
  /** Those that ended without being told to, a moment ago. */
  crashedLately(): readonly string[]
  /** By deployment. */
  readonly lastEnded: ReadonlyMap<string, string>
  start(wish: StartWish): void
  /** What is on that node is out of reach, and so is out of the snapshot. */
  lose(node: string, reason: string): void
  /** The node answers again: what runs there is asked how it is. */
  find(node: string): void
  /** Takes it out of the snapshot. */
  leave(id: string, reason: string): void
  stop(id: string, reason: string, isFailure: boolean): void
  /** Its failures are forgotten: the next start is due now. */
  forgive(deployment: string): void
  /** Compares with what the runtime sees: adopts what is unknown, gives up what is gone. */
  observe(): Promise<void>
  /** Asks all that are due. */
  probe(timeoutMs?: number): Promise<void>
  stopAll(isMeant: (replica: Replica) => boolean): Promise<void>
}

/** A broken replica has nothing to finish. */
const brokenGraceMs = 2000
const endedMax = 1000
/** Gateways look several times a second. */
const crashToldMs = 10_000

export function createReplicaSet(deps: ReplicaSetDeps): ReplicaSet {
  const { runtime, clock, log } = deps
  const roster = createRoster()
  const { replicas } = roster
  const restarts = new Map<string, Restarts>()
  const lastEnded = new Map<string, string>()
  /** Those that ended, with the hash of what they ran: a list taken before may still name them. */
  const ended = new Map<string, string>()
  /** When they ended, of those that nobody told to. */
  const crashes = new Map<string, number>()
  /** The start or stop under way of each replica: they follow each other. */
  const operations = new Map<string, Promise<void>>()
  const prober = createProber({ ...deps, roster })
  let isObserving = false

  const change = (id: string, changes: Partial<Replica>): void => {
    const replica = replicas.get(id)
    if (replica) roster.put({ ...replica, ...changes })
  }
  const forget = (id: string): void => {
    const replica = replicas.get(id)
    if (replica) lastEnded.set(replica.deployment, id)
    roster.remove(id)
    prober.forget(id)
    ended.set(id, replica?.specHash ?? '')
    if (ended.size > endedMax) for (const oldest of ended.keys().take(1)) ended.delete(oldest)
  }
  const fail = (replica: Replica, reason: string): void => {
    const { deployment, specHash, health, healthSinceMs } = replica
    const nowMs = clock.monotonicMs()
    // One that fell silent was ready before.
    const readyMs = health === 'ready' || health === 'silent' ? nowMs - healthSinceMs : 0
    const key = restartKey(deployment, specHash)
    const history = afterFailure(restarts.get(key), { specHash, readyMs, reason }, nowMs)
    restarts.set(key, history)
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
    (ended.failure ? failureText(ended.failure) : deps.explain(deployment, ended)) ??
    endReason(ended)

  runtime.watch((event) => {
    if (event.kind !== 'ended' && event.kind !== 'lost') return
    const replica = replicas.get(event.id)
    forget(event.id)
    if (replica?.phase === 'serving') {
      crashes.set(event.id, clock.monotonicMs())
      fail(replica, event.kind === 'ended' ? reasonOf(replica, event) : event.reason)
    }
    deps.onChange()
  })

  const start = async (
    replica: Replica,
    { launch, place, devices, vendor, rules, span }: StartWish,
  ): Promise<void> => {
    const { id, deployment, revision, specHash } = replica
    try {
      const at = await runtime.endpoint(place)
      if (replicas.get(id)?.phase !== 'serving') return // called off before it began
      const identity = { id, deployment, revision, specHash, port: at.port }
      const assignment = { ...anywhere, ...place, ...rules, ...(span ?? { devices }) }
      const plan = launch.plan(id, vendor === null ? at : { ...at, vendor })
      const running = await runtime.start(identity, plan, assignment)
      change(id, { pid: running.pid, url: running.url, startedAtMs: running.startedAtMs })
      hear(running)
      log.info({ replica: id, deployment, pid: running.pid, url: running.url }, 'started')
    } catch (thrown) {
      forget(id)
      const { code, message, hint } = toAppError(thrown)
      const isExpected = code !== 'internal/unexpected'
      fail(replica, isExpected ? failureText({ code, message, mend: hint }) : message)
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
    all: () => roster.all(),
    of: (deployment) => roster.of(deployment),
    restarts,
    lastEnded,
    crashedLately() {
      for (const [id, atMs] of crashes)
        if (clock.monotonicMs() - atMs > crashToldMs) crashes.delete(id)
      return [...crashes.keys()]
    },
    hashOf: (id) => replicas.get(id)?.specHash ?? ended.get(id) ?? null,
    start(wish) {
      const { deployment, revision, place, devices, reason } = wish
      const { specHash } = wish.launch
      const id = `${deployment}-${deps.createSuffix()}`
      const { node } = place
      const running = {
        id,
        deployment,
        revision,
        specHash,
        pid: null,
        url: '',
        node,
        devices,
        isWarm: false,
      }
      const startedAtMs = clock.nowMs()
      const replica = firstSeen({ ...running, startedAtMs }, 'starting', clock.monotonicMs())
      roster.put(replica)
      log.info({ replica: id, deployment, revision, node, reason }, 'starts')
      void operate(id, () => start(replica, wish))
    },
    lose(node, reason) {
      const reached = on(node).filter(({ phase }) => phase === 'serving' || phase === 'leaving')
      for (const { id } of reached)
        change(id, { phase: 'lost', phaseSinceMs: clock.monotonicMs(), reason })
      if (reached.length > 0) deps.onChange()
    },
    find(node) {
      const nowMs = clock.monotonicMs()
      const missedProbes = Number.MAX_SAFE_INTEGER
      const lost = on(node).filter(({ phase }) => phase === 'lost')
      for (const { id, health } of lost)
        change(id, {
          phase: 'serving',
          phaseSinceMs: nowMs,
          answeredAtMs: nowMs,
          ...(health === 'ready' ? { health: 'silent', healthSinceMs: nowMs, missedProbes } : {}),
        })
      if (lost.length > 0) deps.onChange()
    },
    leave(id, reason) {
      if (replicas.get(id)?.phase !== 'serving') return // it goes already
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
    forgive(deployment) {
      for (const [key, { specHash }] of restarts)
        if (key === restartKey(deployment, specHash)) restarts.delete(key)
    },
    async observe() {
      if (isObserving) return
      isObserving = true
      try {
        const before = set.all().filter(({ id }) => !operations.has(id))
        const listed = await runtime.list()
        for (const one of listed) {
          const known = replicas.get(one.id)
          if (!known && !ended.has(one.id)) adopt(one)
          if (!operations.has(one.id)) hear(one)
        }
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
    probe: (timeoutMs) => prober.probe(timeoutMs),
    async stopAll(isMeant) {
      const all = set.all().filter(isMeant)
      for (const { id, deployment } of all)
        if (replicas.get(id)?.phase !== 'stopping') set.stop(id, `${deployment} shuts down`, false)
      await Promise.all(operations.values())
    },
  }
  return set

  function adopt(running: RunningReplica): void {
    const { id, deployment, pid } = running
    roster.put(firstSeen(running, 'found running', clock.monotonicMs()))
    log.info({ replica: id, deployment, pid }, 'adopted')
    deps.onChange()
  }

  function on(node: string): Replica[] {
    return set.all().filter((replica) => replica.node === node)
  }

  function hear(running: RunningReplica): void {
    const known = replicas.get(running.id)
    if (!known) return
    const now = withSight(known, running, clock.monotonicMs())
    if (now === known) return
    roster.put(now)
    if (now.health !== known.health)
      log.info({ replica: now.id, health: now.health, reason: now.reason }, 'changed')
    deps.onChange()
  }
}
