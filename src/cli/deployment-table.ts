import type { DeploymentView } from '../contract/deployment.ts'
import { formatDurationMs } from '../core/units.ts'
import type { Style } from './io.ts'
import { formatTable } from './table.ts'

export type DeploymentState = 'ready' | 'updating' | 'starting' | 'degraded' | 'failed' | 'stopped'

/** One word for a deployment. `updating`: an older spec serves; `degraded`: fewer replicas than desired do. */
export function stateOf({ spec, replicas, updated }: DeploymentView): DeploymentState {
  const ready = readyOf(replicas)
  if (spec.replicas === 0) return 'stopped'
  if (ready >= spec.replicas) return updated >= spec.replicas ? 'ready' : 'updating'
  if (ready > 0) return 'degraded'
  const current = replicas.filter(({ state }) => state !== 'draining' && state !== 'stopped')
  return current.some(({ state }) => state === 'failed') ? 'failed' : 'starting'
}

/** What control says beyond the numbers: "loading the model, 40 %". */
export const reasonOf = ({ status }: DeploymentView): string => {
  const colon = status.indexOf(': ')
  // That it is updating is its state.
  return colon === -1 ? '' : status.slice(colon + 2).replace(/^updating, /, '')
}

const readyOf = (replicas: DeploymentView['replicas']): number =>
  replicas.filter(({ state }) => state === 'ready').length

export const routeOf = ({ spec }: DeploymentView): string => spec.route ?? spec.name

export function deploymentTable(
  deployments: readonly DeploymentView[],
  nowMs: number,
  style: Style,
): string {
  const rows = deployments.map((deployment) => [
    deployment.spec.name,
    `${readyOf(deployment.replicas)}/${deployment.spec.replicas}`,
    stateOf(deployment),
    routeOf(deployment),
    formatDurationMs(Math.max(0, nowMs - deployment.createdAtMs)),
    reasonOf(deployment),
  ])
  return formatTable(['DEPLOYMENT', 'READY', 'STATE', 'ROUTE', 'AGE', 'REASON'], rows, style)
}
