import { createHash } from 'node:crypto'
import type { DeploymentSpec } from '../contract/deployment.ts'
import type { Engine, LaunchPlan } from '../engines/engine.ts'

/** How one replica of a deployment is run, as far as it is the same for all of them. */
export interface Launch {
  readonly specHash: string
  readonly loadTimeoutMs: number
  readonly drainMs: number
  readonly probePath: string
  /** What of the spec its engine can't honour. */
  readonly warnings: readonly string[]
  plan(id: string, port: number): LaunchPlan
}

const host = '127.0.0.1'

/** What engines that fetch models themselves call a model: `hf:ORG/REPO` is `ORG/REPO` to them. */
export const referenceOf = (model: string): string => model.replace(/^hf:/, '')

/**
 * Asks the engine. The hash is of what it would start, so that exactly the changes that need a new process cause one:
 * how many replicas run and their share of the traffic don't.
 */
export function launchOf(engine: Engine, spec: DeploymentSpec, modelPath: string): Launch {
  const deployment = { ...spec, replicas: 1, weight: 1 }
  const plan = (id: string, port: number): LaunchPlan =>
    engine.launch({ id, deployment, modelPath, host, port })
  const { argv, env, secrets, files, image, url, probes, drain, warnings } = plan('', 0)
  const started = JSON.stringify([argv, env, secrets, files, image, url])
  return {
    specHash: createHash('sha256').update(started).digest('hex').slice(0, 16),
    loadTimeoutMs: probes.startup.loadTimeoutMs,
    drainMs: drain.graceMs,
    probePath: probes.readiness.path,
    warnings,
    plan,
  }
}
