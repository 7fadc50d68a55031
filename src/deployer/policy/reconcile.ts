import { waitMs, type Restarts } from './back-off.ts'
import { failureOf, isReady, type Replica } from './replica.ts'

/** What shall run of one deployment. */
export interface DesiredDeployment {
  readonly name: string
  readonly revision: number
  readonly replicas: number
  /** Null: not known yet, because the model is being prepared. Nothing starts and what runs stays. */
  readonly specHash: string | null
  readonly loadTimeoutMs: number
}

export interface ReconcileState {
  readonly desired: readonly DesiredDeployment[]
  readonly replicas: readonly Replica[]
  readonly restarts: ReadonlyMap<string, Restarts>
  readonly nowMs: number
}

export type Action =
  | { readonly kind: 'start'; readonly deployment: string; readonly reason: string }
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
const surge = 1

/**
 * Compares what shall run with what does. What is broken goes first, then what is missing is started, then what is
 * too much leaves. Calling it again before its actions show adds nothing, as long as the caller notes them at once.
 */
export function reconcile(state: ReconcileState): readonly Action[] {
  const names = new Set(state.desired.map((one) => one.name))
  const gone = state.replicas
    .filter((replica) => replica.phase === 'serving' && !names.has(replica.deployment))
    .map((replica) => leave(replica, 'its deployment was deleted'))
  return [
    ...state.desired.flatMap((deployment) => reconcileDeployment(deployment, state)),
    ...gone,
    ...state.replicas
      .filter((replica) => hasLeft(replica, state.nowMs))
      .map((replica): Action => stop(replica, replica.reason, false)),
  ]
}

function reconcileDeployment(deployment: DesiredDeployment, state: ReconcileState): Action[] {
  const { nowMs } = state
  const serving = state.replicas.filter(
    (replica) => replica.deployment === deployment.name && replica.phase === 'serving',
  )
  const broken = serving.flatMap((replica) => {
    const failure = failureOf(replica, deployment.loadTimeoutMs, nowMs)
    return failure === null ? [] : [{ replica, action: stop(replica, failure, true) }]
  })
  const sound = serving.filter((replica) => !broken.some((one) => one.replica === replica))
  const isCurrent = (replica: Replica): boolean =>
    deployment.specHash === null || replica.specHash === deployment.specHash
  const current = sound.filter(isCurrent)
  const old = sound.filter((replica) => !isCurrent(replica))
  const leaving = [...surplus(current, deployment), ...outdated(old, current, deployment)]
  const kept = { current, old: old.filter((one) => !leaving.some(({ id }) => id === one.id)) }
  return [
    ...broken.map((one) => one.action),
    ...(broken.length > 0 ? [] : starts(kept, deployment, state)),
    ...leaving,
  ]
}

/** Those that serve nobody go first, then the youngest. */
function surplus(current: readonly Replica[], { replicas, name }: DesiredDeployment): Leave[] {
  return current
    .toSorted((a, b) => Number(isReady(b)) - Number(isReady(a)) || a.startedAtMs - b.startedAtMs)
    .slice(replicas)
    .map((replica) => leave(replica, `${name} is scaled to ${replicas}`))
}

/** A ready one of an older spec stays until enough others are ready. */
function outdated(
  old: readonly Replica[],
  current: readonly Replica[],
  deployment: DesiredDeployment,
): Leave[] {
  const readyOld = old.filter(isReady)
  const readyMax = current.filter(isReady).length + readyOld.length
  const droppable = Math.max(0, readyMax - deployment.replicas)
  return [...old.filter((replica) => !isReady(replica)), ...readyOld.slice(0, droppable)].map(
    (replica) => leave(replica, `revision ${deployment.revision} takes its place`),
  )
}

function starts(
  { current, old }: { current: readonly Replica[]; old: readonly Replica[] },
  deployment: DesiredDeployment,
  { restarts, nowMs }: ReconcileState,
): Action[] {
  const { name, replicas, specHash, revision } = deployment
  if (specHash === null || waitMs(restarts.get(name), specHash, nowMs) > 0) return []
  const room = replicas + (old.length > 0 ? surge : 0) - current.length - old.length
  const count = Math.max(0, room)
  const history = restarts.get(name)
  const reason =
    old.length > 0
      ? `revision ${revision} takes the place of older replicas`
      : history?.specHash === specHash
        ? `another try: ${history.reason}`
        : `${current.length} of ${replicas} running`
  return Array.from({ length: count }, () => ({ kind: 'start', deployment: name, reason }))
}

type Leave = Extract<Action, { kind: 'leave' }>

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
