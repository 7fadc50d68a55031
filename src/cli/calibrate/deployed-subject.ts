import { join } from 'node:path'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import { behavesVariable } from '../../contract/engine-settings.ts'
import { parseHardware } from '../../contract/placement.ts'
import { AppError } from '../../core/errors.ts'
import { resolveModel } from '../../models/library.ts'
import type { FlagValues } from '../command.ts'
import type { subjectFlags } from './subject-flags.ts'

type Flags = FlagValues<typeof subjectFlags>

/** What runs under the name of a deployment; flags win. */
export async function deployedSubject(
  spec: DeploymentSpec,
  flags: Flags,
  dataDirectory: string,
): Promise<Flags> {
  const { settings, hardware } = spec
  const { count } = parseHardware(hardware ?? 'local:1')
  const { tensorParallel, pipelineParallel, dataParallel } = settings
  // Devices that nobody divides all work on each layer.
  const isDivided = [tensorParallel, pipelineParallel, dataParallel].some((one) => one !== 'auto')
  return {
    ...flags,
    engine: flags.engine ?? engineOf(spec),
    model: flags.model ?? (await modelOf(spec, dataDirectory)),
    gpu: flags.gpu ?? hardware ?? 'local',
    'engine-version': flags['engine-version'] ?? said(settings.engineVersion),
    weights: flags.weights ?? said(settings.weightPrecision),
    kv: flags.kv ?? said(settings.kvPrecision),
    tp: flags.tp ?? said(tensorParallel) ?? (isDivided || count === 1 ? undefined : count),
    pp: flags.pp ?? said(pipelineParallel),
    sequences: flags.sequences ?? said(settings.sequencesMax),
    'batch-tokens': flags['batch-tokens'] ?? said(settings.batchTokens),
    'memory-share': flags['memory-share'] ?? said(settings.memoryShare)?.toString(),
  }
}

const said = <Value extends string | number>(value: Value): Exclude<Value, 'auto'> | undefined =>
  value === 'auto' ? undefined : (value as Exclude<Value, 'auto'>)

/** The engine whose coefficients count: of a simulated one that which it plays. */
function engineOf({ engine, settings }: DeploymentSpec): string {
  if (engine !== 'simulated') return engine
  const behaves = settings.environment[behavesVariable]
  return typeof behaves === 'string' ? behaves : 'vllm'
}

/** The file that is here, else the name by which catalogue and hub know it. */
async function modelOf({ model }: DeploymentSpec, dataDirectory: string): Promise<string> {
  try {
    return (await resolveModel(model, join(dataDirectory, 'models'))).path
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === 'model/not-found')
      return model.replace(/^hf:/, '')
    throw thrown
  }
}
