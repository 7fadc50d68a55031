import type { DeploymentView } from '../../contract/deployment.ts'
import { awaitReady } from '../await-ready.ts'
import type { ControlClient } from '../control-client.ts'
import type { Io } from '../io.ts'
import type { Progress } from '../progress.ts'
import { awaitRollout } from './await-rollout.ts'

/** Waits until what was recorded serves: all of it ready, and through its steps where it takes over in such. */
export async function awaitTakeover(
  control: ControlClient,
  recorded: DeploymentView,
  progress: Progress,
  io: Io,
  timeoutMs: number,
): Promise<DeploymentView> {
  const { rollout, spec } = recorded
  const hasSteps = spec.rollout.steps.length > 0 && rollout !== null && rollout.from !== null
  // While steps last the old revision is ready: only the new one's own progress tells anything.
  return hasSteps
    ? awaitRollout(control, recorded, progress, io, timeoutMs)
    : awaitReady(control, spec.name, progress, io, timeoutMs)
}
