import { deploymentSpec, type DeploymentSpec } from '../contract/deployment.ts'
import type { engineSettings } from '../contract/engine-settings.ts'
import type { z } from 'zod'
import type { Engine, LaunchPlan, ReplicaSpec } from './engine.ts'

export type Settings = z.input<typeof engineSettings>

export interface Wanted extends Partial<Omit<ReplicaSpec, 'deployment'>> {
  readonly task?: DeploymentSpec['task']
  readonly model?: string
}

/** A replica as adapters are asked for it. */
export function replicaOf(
  settings: Settings = {},
  { task, model, ...more }: Wanted = {},
): ReplicaSpec {
  return {
    id: 'qwen-1',
    deployment: deploymentSpec.parse({
      name: 'qwen',
      model: model ?? 'http://upstream:8000/v1',
      hardware: 'h100:4',
      task,
      settings,
    }),
    modelPath: '/models/qwen',
    host: '0.0.0.0',
    port: 8000,
    ...more,
  }
}

/** What a plan says as one text, a flag a line: for golden tests. */
export function told(engine: Engine, settings: Settings = {}, wanted: Wanted = {}): string {
  const { argv, env, files, image, warnings } = engine.launch(replicaOf(settings, wanted))
  return [
    `image ${image}`,
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    argv.join(' ').replaceAll(/ (?=--[a-z])/g, '\n  '),
    ...Object.entries(files).map(([name, text]) => `${name}:\n${text.trimEnd()}`),
    ...warnings.map((warning) => `! ${warning}`),
  ].join('\n')
}

/** Everything that a runtime acts on, but for where files are: what is mounted need not be used. */
export const effectOf = (plan: LaunchPlan): string =>
  JSON.stringify({ ...plan, warnings: [], mounts: [] })
