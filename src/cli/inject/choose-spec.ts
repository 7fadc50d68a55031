import { readFileSync } from 'node:fs'
import type { FaultSpec, ProcessChoice } from '../../contract/fault.ts'
import { injectionSpec, type InjectionSpec } from '../../contract/injection-spec.ts'
import { AppError } from '../../core/errors.ts'
import { calibrate } from '../../injector/drive/calibrate.ts'
import { createEndpointCalls } from '../../injector/drive/endpoint-calls.ts'
import { parseUrl } from '../../injector/drive/target.ts'
import { readFaultPlan } from '../../injector/faults/read-plan.ts'
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
  const { flags, base } = context
  if (flags.again !== undefined) {
    const spec = await specAgain(context, flags.again)
    return flags.seed === undefined ? spec : { ...spec, seed: flags.seed }
  }
  if (flags.spec !== undefined) return readSpec(flags.spec)
  if (target === undefined) throw usageError('TARGET is missing', 'Name a URL or a deployment.')
  if (target.endsWith('.json')) return readSpec(target)
  const { url, model } = await findTarget(context, target)
  const calls = createEndpointCalls(url, base.apiKey)
  const named = flags.model.map(parseModel)
  const models =
    named.length > 0 ? named : [{ name: model ?? (await calls.firstModel()), weight: 1 }]
  const spec = specFromFlags(flags, url, models, context.seed)
  const withFaults =
    flags.faults === undefined
      ? spec
      : { ...spec, faults: await knownFaults(context, flags.faults) }
  return flags['exact-tokens'] ? calibrate(withFaults, calls) : withFaults
}

/** Of what the store has; of a run that was killed, what its folder has. */
async function specAgain({ library }: InjectContext, id: string): Promise<InjectionSpec> {
  try {
    const document = await library.get(id)
    return document.kind === 'injection-comparison' ? document.a : document.spec
  } catch (thrown) {
    if (!(thrown instanceof AppError) || thrown.code !== 'injection/not-found') throw thrown
    return library.folder.spec(id)
  }
}

/** A plan whose processes are there now: a name that is none should be known before the run, not at its time. */
async function knownFaults({ base }: InjectContext, path: string): Promise<FaultSpec[]> {
  const faults = readFaultPlan(path)
  const named = new Map<string, ProcessChoice>()
  for (const { action } of faults)
    for (const name of ['deployment', 'replica', 'process'] as const) {
      const value = name in action ? (action as ProcessChoice)[name] : undefined
      if (value !== undefined) named.set(`${name} ${value}`, { [name]: value })
    }
  for (const choice of named.values()) await base.findProcess?.(choice)
  return faults
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
