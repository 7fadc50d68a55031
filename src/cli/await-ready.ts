import type { DeploymentView } from '../contract/deployment.ts'
import { AppError } from '../core/errors.ts'
import type { ControlClient } from './control-client.ts'
import { reasonOf, stateOf } from './deployment-table.ts'
import type { Io } from './io.ts'
import { poll } from './poll.ts'
import type { Progress } from './progress.ts'

/** Ends in a row after which a deployment is called failed; control itself goes on trying. */
const attemptsMax = 2

/** Waits until all replicas are ready. Errors: `deployment/failed`, `cli/timeout`. */
export async function awaitReady(
  control: ControlClient,
  name: string,
  progress: Progress,
  io: Io,
  timeoutMs: number,
): Promise<DeploymentView> {
  const look = async () => {
    const view = await control.deployment(name)
    const state = stateOf(view)
    if (state === 'ready' || state === 'stopped') return view
    if (hasFailed(view)) {
      progress.fail(name, `${name}: ${reasonOf(view)}`)
      throw new AppError('deployment/failed', {
        message: `${name} does not get ready: ${reasonOf(view)}`,
        hint: `\`baleen logs ${name}\` shows what its engine said; \`baleen stop ${name}\` gives up.`,
      })
    }
    progress.update(name, `${name}: ${view.status}`)
    return undefined
  }
  const view = await poll(`${name} is ready`, look, {
    timeoutMs,
    everyMs: 250,
    interrupt: io.interrupt,
  }).catch((thrown: unknown) => {
    progress.clear()
    throw thrown
  })
  progress.done(name, `${name}: ${view.status}`)
  return view
}

const hasFailed = (view: DeploymentView): boolean =>
  stateOf(view) === 'failed' || view.replicas.some(({ restarts }) => restarts >= attemptsMax)
