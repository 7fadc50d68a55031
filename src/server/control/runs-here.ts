import type { Config } from '../../contract/config.ts'
import { runtimesOf, type DeploymentSpec } from '../../contract/deployment.ts'

/**
 * Whether all its replicas find the models of this machine: processes, containers of the machine's own Docker, and a
 * cluster that shares the volume of the models directory.
 */
export const runsHere = (spec: DeploymentSpec, runtimes: Config['runtimes']): boolean =>
  runtimesOf(spec).every((name) => {
    const runtime = runtimes[name]
    switch (runtime?.kind) {
      case undefined:
        return true
      case 'docker':
        return runtime.host.startsWith('/')
      case 'kubernetes':
        return runtime.models.shared === true
      case 'ray':
        return false
    }
  })
