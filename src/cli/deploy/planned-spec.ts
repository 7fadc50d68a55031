import { deploymentSpec, type DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import { behavesVariable } from '../../contract/engine-settings.ts'
import { deploymentOf } from '../../planner/emit/baleen.ts'
import { layoutName } from '../../planner/explain/sensitivity.ts'
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

/** Configurations that serve together, each on devices of its own. */
export interface Part {
  readonly candidate: Candidate
  readonly replicas: number
  /** Share of the requests, 0 to 1. */
  readonly weight: number
  /** Where its devices are. Null: as the person says. */
  readonly runtime: string | null
  /** Which part of each request is its. Absent: all of it. */
  readonly role?: 'prefill' | 'decode'
}

/**
 * The plan as deployments that promise its SLO: one, or of several types of devices one each, which share the route by
 * their weights. Errors: `deployment/slo-unmet` where the plan is only the nearest, `cli/usage` where a setting is given
 * that the plan decides.
 */
export function plannedSpecs(
  plan: Plan,
  parts: readonly Part[],
  settled: Settled,
  isPlayed: boolean,
): readonly DeploymentSpec[] {
  const isApart = parts.some(({ role }) => role !== undefined)
  if ((plan.status !== 'meets' && !isApart) || parts.length === 0)
    throw unmet(plan, plan.candidates[0])
  // The largest keeps the name: what runs under it already is changed, not ended.
  const [largest, ...others] = parts.toSorted((a, b) => b.weight - a.weight)
  const { name, route = name } = settled
  const devices = parts.map(({ candidate }) => deviceName(candidate))
  const suffixOf = ({ candidate, runtime, role }: Part): string => {
    if (role !== undefined) return role
    const device = deviceName(candidate)
    return devices.filter((one) => one === device).length === 1 ? device : `${device}-${runtime}`
  }
  const shared = parts.length > 1 ? { route } : {}
  return [
    specOf(plan, largest!, { ...settled, ...shared }, isPlayed),
    ...others.map((part) => {
      const own = { ...settled, ...shared, name: partName(name, suffixOf(part)) }
      return specOf(plan, part, own, isPlayed)
    }),
  ]
}

/** "h100" of "H100-SXM-80GB": short, as people say it. */
const deviceName = ({ copy }: Candidate): string =>
  (copy.layout.device.name.split(/[-_/ ]/)[0] ?? 'other').toLowerCase().replace(/[^a-z0-9]/g, '')

const partName = (name: string, suffix: string): string =>
  `${name.slice(0, 62 - suffix.length)}-${suffix}`

function specOf(plan: Plan, part: Part, settled: Settled, isPlayed: boolean): DeploymentSpec {
  const { request } = plan
  const { copy } = part.candidate
  const { device } = copy.layout
  const devices = part.candidate.settings.devices / part.candidate.settings.replicas
  const chosen = {
    ...part.candidate.settings,
    replicas: part.replicas,
    devices: devices * part.replicas,
  }
  const { engine, replicas, hardware, settings } = deploymentOf({
    settings: chosen,
    model: request.model,
    device,
    burdens: [],
    elsewhereBytes: 0,
    source: settled.model,
    ...(part.role === undefined ? {} : { role: part.role }),
  })
  const decided = Object.keys(settled.settings).find((name) => name in settings)
  if (decided !== undefined)
    throw usageError(`the plan decides ${decided}`, 'Leave it out, or deploy without --slo.')
  const played = {
    engine: 'simulated',
    hardware: `${device.name}:${devices}`,
    settings: {
      ...settings,
      speculation: 'auto', // it has none to turn off
      environment: { [behavesVariable]: chosen.engine },
    },
  }
  const { settings: extra, ...given } = settled
  const planned = isPlayed ? played : { engine, ...(hardware ? { hardware } : {}), settings }
  return deploymentSpec.parse({
    ...(part.runtime === null ? {} : { runtime: part.runtime }),
    ...given,
    ...planned,
    replicas,
    weight: part.weight,
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
