import type {
  DeploymentSpec,
  DeploymentView,
  EngineLoad,
  PreparationView,
  ReplicaState,
  ReplicaView,
} from '../../contract/deployment.ts'
import { formatDurationMs } from '../../core/units.ts'
import { waitMs, type Restarts } from './back-off.ts'
import type { DesiredDeployment } from './reconcile.ts'
import type { Progress } from './rollout/advance.ts'
import { isReady, type Replica } from './replica.ts'

export interface DeploymentCondition {
  readonly deployment: DesiredDeployment
  /** Those of this deployment. */
  readonly replicas: readonly Replica[]
  readonly restarts: Restarts | undefined
  /** Null: the model is there. */
  readonly preparation: PreparationView | null
  /** Why there is no room for another replica. Null: there is. */
  readonly noRoom: string | null
  /** How a new revision gets on. Null: none is taking over. */
  readonly progress: string | null
  readonly isAsleep: boolean
  readonly nowMs: number
}

/** Desired against ready, in one sentence: "2 of 3 ready: loading the model, 40 %". */
export function statusOf(condition: DeploymentCondition): string {
  const { deployment, replicas } = condition
  const ready = replicas.filter(isReady).length
  if (deployment.replicas === 0 && replicas.length === 0) return restReason(condition)
  const counts = `${ready} of ${deployment.replicas} ready`
  const leaving = replicas.filter((replica) => replica.phase !== 'serving').length
  if (ready < deployment.replicas) return `${counts}: ${unreadyReason(condition)}`
  const { progress } = condition
  if (deployment.split && progress !== null) return `${counts}: updating, ${progress}`
  if (updatedOf(condition) < deployment.replicas)
    return `${counts}: updating, ${unreadyReason(condition)}`
  // All that is wanted runs, but one of them should run elsewhere.
  if (condition.noRoom !== null) return `${counts}: one has to move, ${condition.noRoom}`
  return leaving > 0 ? `${counts}, ${leaving} leaving` : counts
}

/** Ready replicas of the newest spec. Until its hash is known the revision stands in for it. */
export const updatedOf = ({ deployment, replicas }: DeploymentCondition): number =>
  replicas.filter(
    (replica) =>
      isReady(replica) &&
      (deployment.specHash === null
        ? replica.revision === deployment.revision
        : replica.specHash === deployment.specHash),
  ).length

/** Starts of the newest spec that failed in a row. */
export const failuresOf = ({ deployment, restarts }: DeploymentCondition): number =>
  restarts?.specHash === deployment.specHash ? (restarts?.failures ?? 0) : 0

const restReason = ({ isAsleep }: DeploymentCondition): string =>
  isAsleep ? 'asleep: the first request wakes it' : 'scaled to 0'

/** Why nothing, or not enough, is ready. */
export function unreadyReason(condition: DeploymentCondition): string {
  const { deployment, replicas, restarts, preparation, nowMs } = condition
  if (deployment.replicas === 0) return restReason(condition)
  if (preparation !== null) return preparation.reason
  if (condition.noRoom !== null) return condition.noRoom
  const coming = replicas.find((replica) => replica.phase === 'serving' && !isReady(replica))
  if (coming) return coming.reason
  const pauseMs = waitMs(restarts, deployment.specHash ?? '', nowMs)
  if (restarts && pauseMs > 0)
    return `${restarts.reason}; next try in ${formatDurationMs(Math.ceil(pauseMs / 1000) * 1000)}`
  return 'starting'
}

interface Known {
  readonly wanted: {
    readonly spec: DeploymentSpec
    readonly revision: number
    readonly createdAtMs: number
    readonly updatedAtMs: number
    readonly rollout: (Progress & { readonly from: { readonly revision: number } | null }) | null
  }
  readonly launch: { readonly warnings: readonly string[] } | null
  readonly condition: DeploymentCondition
}

export function deploymentViewOf(
  { wanted, launch, condition }: Known,
  loadOf: (replica: string) => EngineLoad | null,
  warnings: readonly string[] = launch?.warnings ?? [],
): DeploymentView {
  const { spec, revision, createdAtMs, updatedAtMs, rollout } = wanted
  return {
    spec,
    revision,
    createdAtMs,
    updatedAtMs,
    replicas: condition.replicas.map((one) => replicaView(one, condition.restarts, loadOf(one.id))),
    updated: updatedOf(condition),
    failures: failuresOf(condition),
    rollout: rollout && {
      from: rollout.from?.revision ?? null,
      step: rollout.step,
      steps: spec.rollout.steps.length,
      share: condition.deployment.split?.share ?? null,
      paused: rollout.paused,
      status: condition.progress ?? 'begins',
    },
    preparation: condition.preparation,
    warnings: [...warnings],
    status: statusOf(condition),
  }
}

export function replicaView(
  replica: Replica,
  restarts: Restarts | undefined,
  load: EngineLoad | null,
): ReplicaView {
  const { id, deployment, pid, url, startedAtMs } = replica
  return {
    id,
    deployment,
    state: stateOf(replica),
    reason: replica.reason,
    pid,
    url: url === '' ? null : url,
    node: replica.node,
    devices: [...replica.devices],
    revision: replica.revision,
    startedAtMs,
    restarts: restarts?.total ?? 0,
    load,
  }
}

function stateOf({ phase, health }: Replica): ReplicaState {
  if (phase === 'lost') return 'lost'
  if (phase !== 'serving') return 'draining'
  if (health === 'loading') return 'starting'
  return health === 'ready' ? 'ready' : 'failed'
}
