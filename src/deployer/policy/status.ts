import type { ReplicaState, ReplicaView } from '../../contract/deployment.ts'
import { formatDurationMs } from '../../core/units.ts'
import { waitMs, type Restarts } from './back-off.ts'
import type { DesiredDeployment } from './reconcile.ts'
import { isReady, type Replica } from './replica.ts'

export interface DeploymentCondition {
  readonly deployment: DesiredDeployment
  /** Those of this deployment. */
  readonly replicas: readonly Replica[]
  readonly restarts: Restarts | undefined
  /** "preparing the model, 40 %" or why that failed. Null: the model is there. */
  readonly preparation: string | null
  readonly nowMs: number
}

/** Desired against ready, in one sentence: "2 of 3 ready: loading the model, 40 %". */
export function statusOf(condition: DeploymentCondition): string {
  const { deployment, replicas } = condition
  const ready = replicas.filter(isReady).length
  if (deployment.replicas === 0 && replicas.length === 0) return 'scaled to 0'
  const counts = `${ready} of ${deployment.replicas} ready`
  const leaving = replicas.filter((replica) => replica.phase !== 'serving').length
  if (ready < deployment.replicas) return `${counts}: ${unreadyReason(condition)}`
  if (updatedOf(condition) < deployment.replicas)
    return `${counts}: updating, ${unreadyReason(condition)}`
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

/** Why nothing, or not enough, is ready. */
export function unreadyReason(condition: DeploymentCondition): string {
  const { deployment, replicas, restarts, preparation, nowMs } = condition
  if (deployment.replicas === 0) return 'scaled to 0'
  if (preparation !== null) return preparation
  const coming = replicas.find((replica) => replica.phase === 'serving' && !isReady(replica))
  if (coming) return coming.reason
  const pauseMs = waitMs(restarts, deployment.specHash ?? '', nowMs)
  if (restarts && pauseMs > 0)
    return `${restarts.reason}; next try in ${formatDurationMs(Math.ceil(pauseMs / 1000) * 1000)}`
  return 'starting'
}

export function replicaView(replica: Replica, restarts: Restarts | undefined): ReplicaView {
  const { id, deployment, pid, url, startedAtMs } = replica
  return {
    id,
    deployment,
    state: stateOf(replica),
    reason: replica.reason,
    pid,
    url: url === '' ? null : url,
    startedAtMs,
    restarts: restarts?.total ?? 0,
  }
}

function stateOf({ phase, health }: Replica): ReplicaState {
  if (phase !== 'serving') return 'draining'
  if (health === 'loading') return 'starting'
  return health === 'ready' ? 'ready' : 'failed'
}
