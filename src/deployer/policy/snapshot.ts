import type { DeploymentSpec } from '../../contract/deployment.ts'
import type { SnapshotKey, SnapshotRoute, SnapshotTarget } from '../../contract/snapshot.ts'
import { isReady, type Replica } from './replica.ts'
import { unreadyReason, type DeploymentCondition } from './status.ts'

export interface RoutedDeployment {
  readonly spec: DeploymentSpec
  readonly createdAtMs: number
  readonly condition: DeploymentCondition
  /** Of a model that sleeps or could: how long a request may wait for it. Null: as the config says. */
  readonly wakeMs: number | null
}

export const routeOf = (spec: DeploymentSpec): string => spec.route ?? spec.name

/** Routes in the order in which their first deployment was made; those whose deployments disagree keep its task. */
export function snapshotRoutes(deployments: readonly RoutedDeployment[]): readonly SnapshotRoute[] {
  const routes = new Map<string, RoutedDeployment[]>()
  for (const deployment of deployments) {
    const name = routeOf(deployment.spec)
    routes.set(name, [...(routes.get(name) ?? []), deployment])
  }
  return [...routes].map(([name, all]) => {
    const task = all[0]?.spec.task ?? 'generate'
    return {
      name,
      task,
      createdS: Math.floor((all[0]?.createdAtMs ?? 0) / 1000),
      targets: all.filter(({ spec }) => spec.task === task).flatMap(targetsOf),
      ...wakeOf(all),
    }
  })
}

/** Only what a gateway needs to know of a key. */
export const snapshotKey = (key: SnapshotKey): SnapshotKey => ({
  id: key.id,
  hash: key.hash,
  name: key.name,
  routes: key.routes,
  requestsPerMinute: key.requestsPerMinute,
  tokensPerMinute: key.tokensPerMinute,
  expiresAtMs: key.expiresAtMs,
})

const wakeOf = (all: readonly RoutedDeployment[]): { wakeMs?: number } => {
  const waits = all.flatMap(({ wakeMs }) => (wakeMs === null ? [] : [wakeMs]))
  return waits.length === 0 ? {} : { wakeMs: Math.max(...waits) }
}

/** One, or two while a step gives the new revision its share. */
function targetsOf({ spec, condition }: RoutedDeployment): SnapshotTarget[] {
  const { deployment } = condition
  // What only takes prompts in has no answers for clients: its router asks it.
  const ready = spec.settings.role === 'prefill' ? [] : condition.replicas.filter(isReady)
  const reason = unreadyReason(condition)
  const target = (replicas: readonly Replica[], weight: number): SnapshotTarget => ({
    deployment: spec.name,
    weight,
    replicas: replicas.map(toSnapshot),
    reason,
  })
  const split = deployment.split ?? null
  const next = ready.filter(({ specHash }) => specHash === deployment.specHash)
  if (split === null || split.share === null || next.length === 0)
    return [target(ready, spec.weight)]
  const before = ready.filter((replica) => !next.includes(replica))
  const { cohort } = spec.rollout
  return [
    {
      ...target(next, spec.weight * split.share),
      ...(cohort && split.isCohortOn ? { cohort } : {}),
    },
    target(before, spec.weight * (1 - split.share)),
  ]
}

const toSnapshot = ({ id, url }: Replica) => ({ id, url, servedName: null })
