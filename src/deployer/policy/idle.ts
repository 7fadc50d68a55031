import type { DeploymentSpec } from '../../contract/deployment.ts'
import { parseDurationMs } from '../../core/units.ts'

/** Requests of a deployment, by its route or an adapter of its. */
export interface Activity {
  readonly lastMs: number
  readonly inFlight: number
}

/** Whether the last replica may end: nobody has asked for so long. */
export function isIdle(spec: DeploymentSpec, activity: Activity, nowMs: number): boolean {
  const idle = spec.scaling?.idleToZero ?? null
  return (
    idle !== null && activity.inFlight === 0 && nowMs - activity.lastMs >= parseDurationMs(idle)
  )
}

/** How long a request may wait for it to start. Null: it never sleeps. */
export const wakeMsOf = ({ scaling }: DeploymentSpec): number | null =>
  scaling && scaling.idleToZero !== null ? parseDurationMs(scaling.wakeDeadline) : null

/** Within the bounds; what sleeps needs none. */
export function replicasOf({ replicas, scaling }: DeploymentSpec, isAsleep: boolean): number {
  if (isAsleep) return 0
  if (!scaling || replicas === 0) return replicas
  return Math.min(Math.max(replicas, scaling.min), scaling.max)
}
