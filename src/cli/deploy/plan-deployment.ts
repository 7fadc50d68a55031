import { join } from 'node:path'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import type { PlanReport } from '../../planner/explain/report.ts'
import { nothingBeside, reportOf } from '../../planner/explain/report.ts'
import { plan, type Plan } from '../../planner/search/plan.ts'
import { rehearse } from '../../simulator/rehearsal/rehearse.ts'
import { dataDirectory, type ConnectionFlags } from '../connection.ts'
import type { ControlClient } from '../control-client.ts'
import type { SpecFlags } from '../deployment-spec.ts'
import { nameFrom, settingsFrom } from '../deployment-spec.ts'
import type { Io, Output } from '../io.ts'
import { noPlanFlags, planRequest, type planFlags } from '../plan/plan-flags.ts'
import { plannerEngines } from '../plan/planner-engines.ts'
import { readModel, type NamedModel } from '../plan/read-model.ts'
import { readWorkload } from '../plan/read-workload.ts'
import { planText } from '../plan/report-text.ts'
import { chooseFleet, type FleetChoice } from './choose-fleet.ts'
import { plannedSpec } from './planned-spec.ts'

export interface PlanWish extends SpecFlags, ConnectionFlags {
  readonly slo: string | undefined
  readonly workload: string | undefined
  readonly rate: string | undefined
  readonly objective: (typeof planFlags)['objective']['choices'][number] | undefined
  readonly quick: boolean
}

export interface Planned {
  readonly spec: DeploymentSpec
  readonly report: PlanReport
}

/** Configurations that are shown beside the one that is taken. */
const shown = 3

/**
 * Plans the model on what is there, or on what is named, shows it, and makes a deployment of the best. Errors: those of
 * planning, `deployment/slo-unmet`, `deployment/no-engine`.
 */
export async function planDeployment(
  model: string,
  wish: PlanWish,
  control: ControlClient,
  io: Io,
  output: Output,
): Promise<Planned> {
  const directory = await dataDirectory(wish, io)
  const [nodes, installed] = await Promise.all([control.nodes(), control.engines()])
  const known = await plannerEngines({ calibration: undefined, data: wish.data }, io, output)
  const choice = chooseFleet(wish, nodes, installed, known)
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
  const request = planRequest(named, workload, flags, choice.engines, io.workingDirectory)
  const found = withinNodes(plan(request, new Map(), wish.quick ? null : rehearse), choice)
  const report = reportOf(found, shown, nothingBeside)
  if (!output.json) output.line(planText(found, report, false, output.style))
  const { route, task, runtime } = wish
  const settled = {
    name: wish.name ?? nameFrom(model),
    model: named.source,
    settings: settingsFrom(wish.set),
    ...(route === undefined ? {} : { route }),
    ...(task === undefined ? {} : { task }),
    ...(runtime === undefined ? {} : { runtime }),
  }
  try {
    return { report, spec: plannedSpec(found, settled, choice.isPlayed) }
  } catch (thrown) {
    if (output.json) output.data({ plan: report, deployment: null }, () => '')
    throw thrown
  }
}

/** Without what would need more devices of one node than any has. */
function withinNodes(found: Plan, { nodeDevices }: FleetChoice): Plan {
  const candidates = found.candidates.filter(
    ({ settings }) => settings.devices / settings.replicas <= nodeDevices,
  )
  if (candidates.length === found.candidates.length) return found
  const reason = `no node has more than ${nodeDevices} of these devices`
  const isKept = found.status === 'meets' && (candidates[0]?.meetsSlo ?? false)
  const status = isKept ? found.status : candidates.length > 0 ? 'nearest' : 'impossible'
  return { ...found, status, candidates, reasons: [...found.reasons, reason] }
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
