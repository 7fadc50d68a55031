import { join } from 'node:path'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import { parseHardware } from '../../contract/placement.ts'
import { AppError } from '../../core/errors.ts'
import { figuresOf } from '../../planner/explain/figures.ts'
import { layoutName } from '../../planner/explain/sensitivity.ts'
import { plan } from '../../planner/search/plan.ts'
import { behavesVariable } from '../../contract/engine-settings.ts'
import { dataDirectory, type ConnectionFlags } from '../connection.ts'
import type { Io, Output } from '../io.ts'
import { noPlanFlags, planRequest } from '../plan/plan-flags.ts'
import { plannerEngines } from '../plan/planner-engines.ts'
import { readModel } from '../plan/read-model.ts'
import { readWorkload } from '../plan/read-workload.ts'

export interface SpecPlan {
  /** What was found, in a sentence. */
  readonly text: string
  /** The hardware of the deployment can keep what it promises, in some configuration of its engine. */
  readonly isPossible: boolean
}

interface Load {
  readonly workload: string | undefined
  /** Of each replica. */
  readonly rateRps: number
}

/** Whether a deployment's hardware could keep its SLO at all. Null: it names none, or nobody knows its model or engine. */
export async function planSpec(
  spec: DeploymentSpec,
  load: Load,
  flags: ConnectionFlags,
  io: Io,
  output: Output,
): Promise<SpecPlan | null> {
  const { hardware, slo, replicas, task } = spec
  const limits = Object.entries(slo ?? {}).filter(([, limit]) => typeof limit === 'string')
  if (hardware === undefined || limits.length === 0 || replicas === 0 || task !== 'generate')
    return null
  const known = await plannerEngines({ calibration: undefined, data: flags.data }, io, output)
  const engines = known.filter(({ name }) => name === engineOf(spec))
  const models = join(await dataDirectory(flags, io), 'models')
  const model = await readModel(spec.model.replace(/^hf:/, ''), io.workingDirectory, models).catch(
    nullWhereUnknown,
  )
  if (!model || engines.length === 0) return null
  const { accelerator, count } = parseHardware(hardware)
  const asked = {
    ...noPlanFlags,
    gpu: `${accelerator}:${count * replicas}`,
    workload: load.workload,
    replicas,
    rate: `${load.rateRps * replicas}/s`,
    slo: limits.map(([name, limit]) => `${name}=${limit}`).join(','),
    speculative: 'off',
  }
  const workload = await readWorkload({ ...asked, ...flags }, io)
  const request = planRequest(model, workload, asked, engines, io.workingDirectory)
  const { candidates, status, reasons } = plan(request)
  const [best] = candidates
  if (status !== 'meets' || !best) return { text: reasons.join('; '), isPossible: false }
  const { ttftMs, tpotMs } = figuresOf(best)
  const figures = `TTFT p95 ${short(ttftMs.p95.value)} ms, TPOT p95 ${short(tpotMs.p95.value)} ms`
  return { text: `${layoutName(best.settings)} would have ${figures}`, isPossible: true }
}

function engineOf({ engine, settings }: DeploymentSpec): string {
  if (engine !== 'simulated') return engine
  const behaves = settings.environment[behavesVariable]
  return typeof behaves === 'string' ? behaves : 'vllm'
}

function nullWhereUnknown(thrown: unknown): null {
  if (thrown instanceof AppError && thrown.code === 'planner/bad-model') return null
  throw thrown
}

const short = (value: number): string => String(Number(value.toPrecision(3)))
