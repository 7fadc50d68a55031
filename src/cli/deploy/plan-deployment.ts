import { join } from 'node:path'
import type { DeploymentView } from '../../contract/deployment.ts'
import type { PriceBook } from '../../planner/cost/prices.ts'
import type { PlanReport } from '../../planner/explain/report.ts'
import { nothingBeside, reportOf } from '../../planner/explain/report.ts'
import type { Candidate } from '../../planner/search/candidate.ts'
import { layoutName } from '../../planner/explain/sensitivity.ts'
import { plan, type Plan } from '../../planner/search/plan.ts'
import { rehearse, rehearseApart } from '../../simulator/rehearsal/rehearse.ts'
import { dataDirectory, type ConnectionFlags } from '../connection.ts'
import type { ControlClient } from '../control-client.ts'
import type { SpecFlags } from '../deployment-spec.ts'
import { nameFrom, settingsFrom } from '../deployment-spec.ts'
import type { Io, Output } from '../io.ts'
import { noPlanFlags, planRequest, type planFlags } from '../plan/plan-flags.ts'
import { plannerEngines } from '../plan/planner-engines.ts'
import { readModel, type NamedModel } from '../plan/read-model.ts'
import { readWorkload } from '../plan/read-workload.ts'
import { apartText, planText } from '../plan/report-text.ts'
import { chooseFleet, type FleetChoice } from './choose-fleet.ts'
import { deviceGroups } from './free-devices.ts'
import { AppError } from '../../core/errors.ts'
import {
  type Disaggregated,
  disaggregate,
  sidesText,
} from '../../planner/disaggregation/disaggregate.ts'
import { apartReport } from '../../planner/explain/apart.ts'
import { plannedSpecs, type Part } from './planned-spec.ts'
import { planTakeover, type Takeover } from './takeover.ts'
import { withinReach } from './within-reach.ts'

export interface PlanWish extends SpecFlags, ConnectionFlags {
  readonly slo: string | undefined
  readonly workload: string | undefined
  readonly rate: string | undefined
  readonly objective: (typeof planFlags)['objective']['choices'][number] | undefined
  readonly quick: boolean
  /** Prompts and answers on replicas of their own. */
  readonly apart: boolean
}

/** Several deployments where several types of devices serve together. */
export interface Planned extends Takeover {
  readonly report: PlanReport
  /** For the history: "planned for ttft.p95=500ms at 4/s: vllm fp8 tp1 ×4 on 4 × H100-SXM-80GB". */
  readonly why: string
}

/** Configurations that are shown beside the one that is taken. */
const shown = 3

/**
 * Plans the model on what is there and free, or on what is named, shows it, and makes deployments of the best. Errors:
 * those of planning, `deployment/slo-unmet`, `deployment/no-engine`, `deployment/no-room`.
 */
export async function planDeployment(
  model: string,
  wish: PlanWish,
  control: ControlClient,
  io: Io,
  output: Output,
): Promise<Planned> {
  const directory = await dataDirectory(wish, io)
  const [nodes, installed, running] = await Promise.all([
    control.nodes(),
    control.engines(),
    control.deployments(),
  ])
  const known = await plannerEngines({ calibration: undefined, data: wish.data }, io, output)
  const name = wish.name ?? nameFrom(model)
  const before = running.filter((one) => isOfPlan(one, name, wish.route ?? name))
  const own = new Set(before.flatMap(({ replicas }) => replicas.map(({ id }) => id)))
  const choice = chooseFleet(wish, nodes, installed, known, own)
  output.note(choice.reason)
  const named = await modelNamed(model, io, join(directory, 'models'))
  const flags = {
    ...noPlanFlags,
    gpu: choice.fleet,
    slo: wish.slo,
    workload: wish.workload,
    rate: wish.rate,
    objective: wish.objective,
    replicas: wish.replicas,
    quick: wish.quick,
    // How many drafts are right only the real engine knows.
    speculative: choice.isPlayed ? 'off' : undefined,
  }
  const workload = await readWorkload({ ...flags, ...wish, columns: undefined }, io)
  const asked = planRequest(named, workload, flags, choice.engines, io.workingDirectory)
  const request = { ...asked, prices: pricesOf(choice) }
  const found = withinReach(plan(request, new Map(), wish.quick ? null : rehearse), choice)
  const apart = wish.apart ? disaggregate(found.request, found.candidates) : null
  const played = apart && !wish.quick ? rehearseApart(apart, found.request) : null
  const disaggregated = apart && apartReport(found, apart, played)
  const report = reportOf(found, shown, { ...nothingBeside, disaggregated })
  if (!output.json) {
    const together = { ...report, disaggregated: null }
    output.line(planText(found, together, model, false, output.style))
    for (const line of apartText(disaggregated, true)) output.line(line)
  }
  const { route, task, runtime } = wish
  const settled = {
    name,
    model: named.source,
    settings: settingsFrom(wish.set),
    ...(route === undefined ? {} : { route }),
    ...(task === undefined ? {} : { task }),
    ...(runtime === undefined ? {} : { runtime }),
  }
  try {
    const parts = wish.apart ? apartParts(apart, choice) : partsOf(found, choice)
    const specs = plannedSpecs(found, parts, settled, choice.isPlayed)
    const why = `planned for ${wish.slo ?? 'its workload'}${wish.rate === undefined ? '' : ` at ${wish.rate}`}: ${parts.map(partText).join(' and ')}`
    return {
      report,
      why: why.slice(0, 500),
      ...planTakeover(specs, before, deviceGroups(nodes, new Set())),
    }
  } catch (thrown) {
    if (output.json) output.data({ plan: report, deployment: null, deployments: [] }, () => '')
    throw thrown
  }
}

/** What the nodes cost by their own account, where they give one. */
const pricesOf = ({ groups }: FleetChoice): PriceBook =>
  new Map(
    groups.flatMap(({ name, usdPerHour }) =>
      usdPerHour === null
        ? []
        : [
            [
              name,
              { rents: new Map([['on-demand', usdPerHour]]), owned: null, source: 'by your nodes' },
            ] as const,
          ],
    ),
  )

/** Made by a plan of that name: the deployment itself, or one of several that serve its route together. */
const isOfPlan = ({ spec }: DeploymentView, name: string, route: string): boolean =>
  spec.name === name || (spec.route === route && spec.name.startsWith(`${name}-`))

const partText = ({ candidate: { settings }, replicas }: Part): string => {
  const devices = (settings.devices / settings.replicas) * replicas
  return `${layoutName({ ...settings, replicas })} on ${devices} × ${settings.device}`
}

/** Both sides of the best plan that keeps them apart. Throws `planner/infeasible` where there is none. */
function apartParts(found: Disaggregated | null, { groups }: FleetChoice): Part[] {
  if (!found)
    throw new AppError('planner/infeasible', {
      message: 'no engine here hands caches over, or there are too few devices for two replicas',
      hint: 'Name an engine that does (vllm, sglang, trtllm) and two devices or more, or leave --apart out.',
    })
  if (!found.meetsSlo)
    throw new AppError('deployment/slo-unmet', {
      message: `apart no plan keeps what is asked; nearest: ${sidesText(found)}`,
    })
  return (['decode', 'prefill'] as const).map((role) => ({
    role,
    candidate: found[role].candidate,
    replicas: found[role].replicas,
    weight: 1,
    runtime:
      groups.find(({ name }) => name === found[role].candidate.settings.device)?.runtime ?? null,
  }))
}

/** What serves together, each part where its devices are. */
function partsOf({ candidates, split }: Plan, { groups }: FleetChoice): Part[] {
  const runtimeOf = ({ settings }: Candidate): string | null =>
    groups.find((group) => group.name === settings.device)?.runtime ?? null
  if (split.length > 1)
    return split.map(({ candidate, replicas, weight }) => ({
      candidate,
      replicas,
      weight,
      runtime: runtimeOf(candidate),
    }))
  return candidates.slice(0, 1).map((candidate) => {
    const { replicas } = candidate.settings
    return { candidate, replicas, weight: 1, runtime: runtimeOf(candidate) }
  })
}

/** A bundled model is made first: its file tells what it is. */
async function modelNamed(model: string, io: Io, models: string): Promise<NamedModel> {
  if (!model.startsWith('bundled:')) {
    const hub = model.replace(/^hf:/, '')
    return readModel(hub, io.workingDirectory, models)
  }
  const { resolveModel } = await import('../../models/library.ts')
  const { path } = await resolveModel(model, models, { signal: io.interrupt })
  return { ...(await readModel(path, io.workingDirectory)), source: model }
}
