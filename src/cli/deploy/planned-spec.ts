import { deploymentSpec, type DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import { behavesVariable } from '../../contract/engine-settings.ts'
import { deploymentOf } from '../../planner/emit/baleen.ts'
import { layoutName } from '../../planner/explain/sensitivity.ts'
import { weightBytesPerDevice } from '../../planner/memory/weights.ts'
import type { Candidate } from '../../planner/search/candidate.ts'
import { valueOf } from '../../planner/search/operate.ts'
import type { Plan } from '../../planner/search/plan.ts'
import { sloName, type SloTarget } from '../../planner/workload/slo.ts'
import { usageError } from '../command.ts'

/** What of a deployment the person has settled, beside the plan. */
export type Settled = Pick<DeploymentSpec, 'name' | 'model'> &
  Partial<Pick<DeploymentSpec, 'route' | 'task' | 'runtime'>> & {
    readonly settings: Readonly<Record<string, unknown>>
  }

/**
 * The plan's first configuration as a deployment that promises its SLO. Errors: `deployment/slo-unmet` where the plan is
 * only the nearest, `cli/usage` where a setting is given that the plan decides.
 */
export function plannedSpec(plan: Plan, settled: Settled, isPlayed: boolean): DeploymentSpec {
  const [best] = plan.candidates
  if (plan.status !== 'meets' || !best) throw unmet(plan, best)
  const { request } = plan
  const { engine, replicas, hardware, settings } = deploymentOf({
    settings: best.settings,
    model: request.model,
    device: best.copy.layout.device,
    burdens: [],
    weightBytes: weightBytesPerDevice(best.copy.layout),
    source: settled.model,
  })
  const decided = Object.keys(settled.settings).find((name) => name in settings)
  if (decided !== undefined)
    throw usageError(`the plan decides ${decided}`, 'Leave it out, or deploy without --slo.')
  const devices = best.settings.devices / best.settings.replicas
  const played = {
    engine: 'simulated',
    hardware: `${best.settings.device}:${devices}`,
    settings: {
      ...settings,
      speculation: 'auto', // it has none to turn off
      environment: { [behavesVariable]: best.settings.engine },
    },
  }
  const { settings: extra, ...given } = settled
  const planned = isPlayed ? played : { engine, ...(hardware ? { hardware } : {}), settings }
  return deploymentSpec.parse({
    ...given,
    ...planned,
    replicas,
    slo: Object.fromEntries(request.slo.map((one) => [sloName(one), `${one.limitMs}ms`])),
    settings: { ...planned.settings, ...extra },
  })
}

function unmet({ reasons, request }: Plan, best: Candidate | undefined): AppError {
  const nearest = best ? `; nearest: ${nearestText(best, request.slo)}` : ''
  return new AppError('deployment/slo-unmet', {
    message: `no plan keeps what is asked: ${reasons.join('; ')}${nearest}`,
  })
}

function nearestText(
  { settings, operating, mostRps }: Candidate,
  slo: readonly SloTarget[],
): string {
  const figures = slo.map(
    (target) => `${sloName(target)} ${Number(valueOf(operating, target).toPrecision(3))} ms`,
  )
  const most = mostRps > 0 ? [`${Number(mostRps.toPrecision(3))} requests/s within the limits`] : []
  return `${layoutName(settings)} on ${settings.devices} × ${settings.device}, ${[...figures, ...most].join(', ')}`
}
