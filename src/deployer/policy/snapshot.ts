import type { DeploymentSpec } from '../../contract/deployment.ts'
import type { SnapshotKey, SnapshotRoute, SnapshotTarget } from '../../contract/snapshot.ts'
import { isReady, type Replica } from './replica.ts'
import { unreadyReason, type DeploymentCondition } from './status.ts'

export interface RoutedDeployment {
  readonly spec: DeploymentSpec
  readonly createdAtMs: number
  readonly condition: DeploymentCondition
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
      targets: all.filter(({ spec }) => spec.task === task).map(target),
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

function target({ spec, condition }: RoutedDeployment): SnapshotTarget {
  return {
    deployment: spec.name,
    weight: spec.weight,
    replicas: condition.replicas.filter(isReady).map(toSnapshot),
    reason: unreadyReason(condition),
  }
}

const toSnapshot = ({ id, url }: Replica) => ({ id, url, servedName: null })
