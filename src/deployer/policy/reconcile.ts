import { restartKey, waitMs, type Restarts } from './back-off.ts'
import { failureOf, isReady, type Replica } from './replica.ts'
import type { Split } from './rollout/advance.ts'

/** What shall run of one deployment. */
export interface DesiredDeployment {
  readonly name: string
  readonly revision: number
  readonly replicas: number
  /** Null: not known yet, because the model is being prepared. Nothing starts and what runs stays. */
  readonly specHash: string | null
  readonly loadTimeoutMs: number
  /** What serves while a newer revision takes over: it may be started again. Null: nothing or nobody knows. */
  readonly previous?: PreviousSpec | null
  /** How the two share while steps last. Null: the newest is to be all. */
  readonly split?: Split | null
  /** Replicas above what is wanted, and missing, that a change may cost. */
  readonly surge?: number
  readonly unavailable?: number
  /** Another one of it found no room when it was last tried. */
  readonly isCramped?: boolean
}

interface PreviousSpec {
  readonly revision: number
  readonly specHash: string
  /** How many were promised of it. */
  readonly replicas: number
}

export interface ReconcileState {
  readonly desired: readonly DesiredDeployment[]
  readonly replicas: readonly Replica[]
  readonly restarts: ReadonlyMap<string, Restarts>
  /** Nodes whose replicas have to move, with the reason: drained, or on their way out. */
  readonly emptying?: ReadonlyMap<string, string>
  readonly nowMs: number
}

export type Action =
  | {
      readonly kind: 'start'
      readonly deployment: string
      /** Of which spec: what is wanted, or what served before. */
      readonly of: 'newest' | 'previous'
      readonly reason: string
    }
  /** Take it out of the snapshot; `stop` follows once gateways had time to notice. */
  | { readonly kind: 'leave'; readonly id: string; readonly reason: string }
  | {
      readonly kind: 'stop'
      readonly id: string
      readonly reason: string
      /** It is broken: no requests to wait for, and its deployment backs off. */
      readonly isFailure: boolean
    }

/** How long gateways get to read a snapshot before a replica that is no longer in it is told to end. */
export const settleMs = 1000

/** One more than wanted may run while a new spec takes over. */
const surgeUsual = 1

/**
 * Compares what shall run with what does. What is broken goes first, then what is missing is started, then what is
 * too much leaves. Calling it again before its actions show adds nothing, as long as the caller notes them at once.
 */
export function reconcile(state: ReconcileState): readonly Action[] {
  const byDeployment = Map.groupBy(state.replicas, (replica) => replica.deployment)
  const names = new Set(state.desired.map((one) => one.name))
  const gone = state.replicas
    .filter((replica) => replica.phase === 'serving' && !names.has(replica.deployment))
    .map((replica) => leave(replica, 'its deployment was deleted'))
  return [
    ...state.desired.flatMap((deployment) =>
      reconcileDeployment(deployment, byDeployment.get(deployment.name) ?? [], state),
    ),
    ...gone,
    ...state.replicas
      .filter((replica) => hasLeft(replica, state.nowMs))
      .map((replica): Action => stop(replica, replica.reason, false)),
  ]
}

/** Sound replicas of one deployment. */
interface Groups {
  readonly newest: readonly Replica[]
  readonly previous: readonly Replica[]
  /** Of any other spec, or on a node that is to be empty. */
  readonly old: readonly Replica[]
}

function reconcileDeployment(
  deployment: DesiredDeployment,
  replicas: readonly Replica[],
  state: ReconcileState,
): Action[] {
  const { nowMs } = state
  const serving = replicas.filter((replica) => replica.phase === 'serving')
  const broken: Action[] = []
  const sound = serving.filter((replica) => {
    const failure = failureOf(replica, deployment.loadTimeoutMs, nowMs)
    if (failure !== null) broken.push(stop(replica, failure, true))
    return failure === null
  })
  const groups = groupsOf(deployment, sound, state)
  const leaving = [...surplus(groups, deployment), ...outdated(groups, deployment, state)]
  const ids = new Set(leaving.map(({ id }) => id))
  const kept = {
    newest: groups.newest,
    previous: groups.previous.filter(({ id }) => !ids.has(id)),
    old: groups.old.filter(({ id }) => !ids.has(id)),
  }
  return [...broken, ...(broken.length > 0 ? [] : starts(kept, deployment, state)), ...leaving]
}

function groupsOf(
  { specHash, previous }: DesiredDeployment,
  sound: readonly Replica[],
  { emptying }: ReconcileState,
): Groups {
  const newest: Replica[] = []
  const before: Replica[] = []
  const old: Replica[] = []
  for (const replica of sound) {
    const isMoving = replica.node !== null && emptying?.has(replica.node) === true
    if (isMoving) old.push(replica)
    else if (specHash === null || replica.specHash === specHash) newest.push(replica)
    else if (previous && replica.specHash === previous.specHash) before.push(replica)
    else old.push(replica)
  }
  return { newest, previous: before, old }
}

/** Those that serve nobody go first, then the youngest. */
function surplus({ newest, previous, old }: Groups, deployment: DesiredDeployment): Leave[] {
  const { name, replicas, split, unavailable = 0 } = deployment
  if (!split)
    return byWorth(newest)
      .slice(replicas)
      .map((replica) => leave(replica, `${name} is scaled to ${replicas}`))
  // A step back needs fewer new ones, but none goes before the old ones are there in its place.
  const wanted = Math.min(split.next, replicas)
  const ready = [...newest, ...previous, ...old].filter(isReady).length
  const spare = Math.max(0, ready - Math.max(0, replicas - unavailable))
  const extra = byWorth(newest).slice(wanted)
  const idle = extra.filter((one) => !isReady(one))
  return [...idle, ...extra.filter(isReady).toReversed().slice(0, spare)].map((replica) =>
    leave(replica, `a step needs ${wanted}`),
  )
}

const byWorth = (replicas: readonly Replica[]): readonly Replica[] =>
  replicas.toSorted(
    (a, b) => Number(isReady(b)) - Number(isReady(a)) || a.startedAtMs - b.startedAtMs,
  )

/** A ready one of an older spec stays until enough others are ready, and as long as a step needs it. */
function outdated(
  { newest, previous, old }: Groups,
  deployment: DesiredDeployment,
  { emptying }: ReconcileState,
): Leave[] {
  const { replicas, split = null, unavailable = 0, revision, isCramped = false } = deployment
  const { previous: previousSpec } = deployment
  const others = [...old, ...previous]
  const readyOthers = others.filter(isReady)
  const readyAll = newest.filter(isReady).length + readyOthers.length
  // More than before are promised, and they find no room beside the old ones: what was promised before will do meanwhile.
  const promised = isCramped && previousSpec ? Math.min(replicas, previousSpec.replicas) : replicas
  const capacity = Math.max(0, promised - unavailable)
  const needed = split ? split.prev : 0
  const droppable = Math.max(0, Math.min(readyAll - capacity, readyOthers.length - needed))
  // One that is being started to fill up what is missing is not ready yet and stays.
  const missing = Math.max(0, Math.max(capacity - readyAll, needed - readyOthers.length))
  const filling = byWorth(previous.filter((one) => !isReady(one))).slice(0, missing)
  const unready = others.filter((one) => !isReady(one) && !filling.includes(one))
  const ready = [...byWorth(old.filter(isReady)), ...byWorth(previous.filter(isReady)).toReversed()]
  return [...unready, ...ready.slice(0, droppable)].map((replica) => {
    const moved = replica.node === null ? undefined : emptying?.get(replica.node)
    return leave(replica, moved ?? `revision ${revision} takes its place`)
  })
}

function starts(groups: Groups, deployment: DesiredDeployment, state: ReconcileState): Action[] {
  const { newest, previous, old } = groups
  const { name, replicas, specHash, split = null, surge = surgeUsual } = deployment
  if (specHash === null) return whileItComes(groups, deployment, state)
  const others = previous.length + old.length
  const room = replicas + (others > 0 || split ? surge : 0) - newest.length - others
  const wanted = split ? Math.min(split.next, replicas) : replicas
  const history = state.restarts.get(restartKey(name, specHash))
  const isWaiting = waitMs(history, specHash, state.nowMs) > 0
  const count = isWaiting ? 0 : Math.max(0, Math.min(wanted - newest.length, room))
  const reason =
    others > 0
      ? whyReplaced(deployment, old, state)
      : history?.specHash === specHash
        ? `another try: ${history.reason}`
        : `${newest.length} of ${replicas} running`
  return [
    ...Array.from({ length: count }, () => start(name, 'newest', reason)),
    ...refills(groups, deployment, state, count),
  ]
}

/** Until the model of the newest spec is there, what served before makes up for what ends. */
function whileItComes(
  { newest: sound }: Groups,
  { name, replicas, previous }: DesiredDeployment,
  { restarts, nowMs }: ReconcileState,
): Action[] {
  if (!previous) return []
  const { specHash, revision } = previous
  if (waitMs(restarts.get(restartKey(name, specHash)), specHash, nowMs) > 0) return []
  const count = Math.max(0, replicas - sound.length)
  const reason = `revision ${revision} serves until the model of the next one is there`
  return Array.from({ length: count }, () => start(name, 'previous', reason))
}

/** What served before is started again where the promised capacity is missing and the new revision does not bring it. */
function refills(
  { newest, previous, old }: Groups,
  deployment: DesiredDeployment,
  { restarts, nowMs }: ReconcileState,
  starting: number,
): Action[] {
  const { name, replicas, specHash, split = null, unavailable = 0 } = deployment
  const before = deployment.previous
  if (!before || before.specHash === specHash || replicas === 0) return []
  if (waitMs(restarts.get(restartKey(name, before.specHash)), before.specHash, nowMs) > 0) return []
  const failures = restarts.get(restartKey(name, specHash ?? ''))?.failures ?? 0
  // Without steps the new one is about to be all: it is given a chance to bring what is missing.
  const brought = split || failures > 0 ? newest.filter(isReady).length : newest.length + starting
  const needed = Math.max(split?.prev ?? 0, replicas - unavailable - brought)
  const count = Math.max(
    0,
    Math.min(needed, replicas) - previous.length - old.filter(isReady).length,
  )
  return Array.from({ length: count }, () =>
    start(name, 'previous', `revision ${before.revision} keeps up the capacity`),
  )
}

function whyReplaced(
  { revision }: DesiredDeployment,
  old: readonly Replica[],
  { emptying }: ReconcileState,
): string {
  const node = old.find((one) => one.node !== null && emptying?.has(one.node))?.node
  return node === undefined || node === null
    ? `revision ${revision} takes the place of older replicas`
    : `takes over from ${node}: ${emptying?.get(node)}`
}

type Leave = Extract<Action, { kind: 'leave' }>

const start = (deployment: string, of: 'newest' | 'previous', reason: string): Action => ({
  kind: 'start',
  deployment,
  of,
  reason,
})

const leave = ({ id }: Replica, reason: string): Leave => ({ kind: 'leave', id, reason })

const stop = ({ id }: Replica, reason: string, isFailure: boolean): Action => ({
  kind: 'stop',
  id,
  reason,
  isFailure,
})

/** One that was never ready has no requests to finish. */
const hasLeft = (replica: Replica, nowMs: number): boolean =>
  replica.phase === 'leaving' &&
  (replica.health === 'loading' || nowMs - replica.phaseSinceMs >= settleMs)
