import type { RuntimeConfig } from '../contract/runtimes.ts'
import type { DeviceVendor } from '../devices/device.ts'
import type { LaunchPlan } from '../engines/engine.ts'
import type { Runtime } from './runtime.ts'

export interface RuntimeDeps {
  /** Tells what belongs to this data directory where others use the same machine. */
  readonly owner: string
  readonly vendors: readonly DeviceVendor[]
  /** Directory of this machine that holds models. */
  readonly models: string
  freePort(): Promise<number>
  secretsOf(secrets: LaunchPlan['secrets']): Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** One line a kind; each is loaded only where the config names it. */
export async function createRuntime(
  name: string,
  config: RuntimeConfig,
  deps: RuntimeDeps,
): Promise<Runtime> {
  switch (config.kind) {
    case 'docker': {
      const { createDockerRuntime } = await import('./docker/docker.ts')
      return createDockerRuntime({ ...deps, name, config })
    }
    case 'kubernetes': {
      const { connect } = await import('./kubernetes/api.ts')
      const { createKubernetesRuntime } = await import('./kubernetes/kubernetes.ts')
      return createKubernetesRuntime({ ...deps, name, config, api: connect(config) })
    }
    case 'ray': {
      const { createRayRuntime } = await import('./ray/ray.ts')
      const { tokenVariable } = config
      const token = tokenVariable === undefined ? undefined : deps.environment[tokenVariable]
      return createRayRuntime({ ...deps, name, config, token: token ?? null })
    }
  }
}
