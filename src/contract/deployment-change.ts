import { sameValue } from '../core/same-value.ts'
import type { DeploymentSpec } from './deployment.ts'

/** Changes of these take effect on what runs: nothing has to be started anew. */
const adjustable = ['replicas', 'weight', 'priority', 'rollout', 'scaling', 'slo'] as const

/** Whether replicas of the one are as good as replicas of the other. */
export function runsAlike(a: DeploymentSpec, b: DeploymentSpec): boolean {
  const rest = (spec: DeploymentSpec) =>
    Object.fromEntries(
      Object.entries(spec).filter(([key]) => !(adjustable as readonly string[]).includes(key)),
    )
  return sameValue(rest(a), rest(b))
}
