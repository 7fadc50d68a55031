import type { DeploymentView, EngineLoad } from '../contract/deployment.ts'
import { formatDurationMs } from '../core/units.ts'
import type { Style } from './io.ts'
import { formatTable } from './table.ts'

export type DeploymentState = 'ready' | 'updating' | 'starting' | 'degraded' | 'failed' | 'stopped'

/** One word for a deployment. `updating`: an older spec serves; `degraded`: fewer replicas than desired do. */
export function stateOf({ spec, replicas, updated, preparation }: DeploymentView): DeploymentState {
  const ready = readyOf(replicas)
  if (spec.replicas === 0) return 'stopped'
  if (ready >= spec.replicas) return updated >= spec.replicas ? 'ready' : 'updating'
  if (ready > 0) return 'degraded'
  if (preparation?.error) return 'failed'
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

/** Requests that engines work on, that wait in them, and how full the fullest one's KV memory is. */
function loadOf(replicas: DeploymentView['replicas']): [string, string, string] {
  const told = (pick: (load: EngineLoad) => number | null): number[] =>
    replicas.flatMap(({ load }) => (load ? (pick(load) ?? []) : []))
  const sum = (values: readonly number[]): string =>
    values.length === 0 ? '-' : String(values.reduce((total, one) => total + one, 0))
  const usage = told(({ kvUsage }) => kvUsage)
  return [
    sum(told(({ running }) => running)),
    sum(told(({ waiting }) => waiting)),
    usage.length === 0 ? '-' : `${Math.round(Math.max(...usage) * 100)} %`,
  ]
}

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
    ...loadOf(deployment.replicas),
    reasonOf(deployment),
  ])
  const head = ['DEPLOYMENT', 'READY', 'STATE', 'ROUTE', 'AGE', 'RUN', 'WAIT', 'KV', 'REASON']
  return formatTable(head, rows, style)
}
