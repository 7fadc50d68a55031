import { readFileSync } from 'node:fs'
import { injectionSpec, type InjectionSpec } from '../../contract/injection.ts'
import { AppError } from '../../core/errors.ts'
import { calibrate } from '../../injector/drive/calibrate.ts'
import { createEndpointCalls } from '../../injector/drive/endpoint-calls.ts'
import { parseUrl } from '../../injector/drive/target.ts'
import { readFaultPlan, type ProcessChoice } from '../../injector/faults/read-plan.ts'
import { usageError } from '../command.ts'
import { connect } from '../connection.ts'
import { routeOf } from '../deployment-table.ts'
import { isUrl } from './is-url.ts'
import type { InjectContext } from './inject-context.ts'
import { parseModel, specFromFlags } from './spec-from-flags.ts'

/** The spec of a kept run, of a file, or of the flags against a target. */
export async function chooseSpec(
  context: InjectContext,
  target: string | undefined,
): Promise<InjectionSpec> {
  const { flags, folder, base } = context
  if (flags.again !== undefined) return folder.spec(flags.again)
  if (flags.spec !== undefined) return readSpec(flags.spec)
  if (target === undefined) throw usageError('TARGET is missing', 'Name a URL or a deployment.')
  if (target.endsWith('.json')) return readSpec(target)
  const { url, model } = await findTarget(context, target)
  const calls = createEndpointCalls(url, base.apiKey)
  const named = flags.model.map(parseModel)
  const models =
    named.length > 0 ? named : [{ name: model ?? (await calls.firstModel()), weight: 1 }]
  const spec = specFromFlags(flags, url, models)
  const withFaults =
    flags.faults === undefined
      ? spec
      : { ...spec, faults: await readFaultPlan(flags.faults, (choice) => pidOf(context, choice)) }
  return flags['exact-tokens'] ? calibrate(withFaults, calls) : withFaults
}

/** The process of a replica; of a deployment, of its first one that runs. */
async function pidOf({ flags, io }: InjectContext, choice: ProcessChoice): Promise<number> {
  if (choice.pid !== undefined) return choice.pid
  const replicas = (await (await connect(flags, io)).deployments()).flatMap(
    (deployment) => deployment.replicas,
  )
  const found = replicas.find(
    ({ id, deployment, pid }) =>
      pid !== null && (id === choice.replica || deployment === choice.deployment),
  )
  if (found?.pid != null) return found.pid
  throw new AppError('deployment/not-found', {
    message: `no running process of ${choice.replica ?? choice.deployment}`,
  })
}

/** A URL as it is; anything else is a deployment of this Baleen. */
async function findTarget(
  { flags, io }: InjectContext,
  text: string,
): Promise<{ url: string; model: string | null }> {
  if (isUrl(text)) return { url: parseUrl(text).href.replace(/\/$/, ''), model: null }
  const control = await connect(flags, io)
  const found = (await control.deployments()).find(({ spec }) => spec.name === text)
  if (!found)
    throw new AppError('deployment/not-found', { message: `there is no deployment "${text}"` })
  const { gatewayUrl } = await control.status()
  return { url: `${gatewayUrl}/v1`, model: routeOf(found) }
}

function readSpec(path: string): InjectionSpec {
  try {
    return injectionSpec.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new AppError('injection/bad-spec', {
      message: `${path} is no spec: ${(cause as Error).message}`,
      cause,
    })
  }
}
