import type { DeploymentView } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import type { ControlClient } from '../control-client.ts'
import type { Io } from '../io.ts'
import { poll } from '../poll.ts'
import type { Progress } from '../progress.ts'

/** Waits until a revision has taken over. Errors: `deployment/rolled-back`, `cli/timeout`. */
export async function awaitRollout(
  control: ControlClient,
  { spec: { name }, revision }: DeploymentView,
  progress: Progress,
  io: Io,
  timeoutMs: number,
): Promise<DeploymentView> {
  const look = async (): Promise<DeploymentView | undefined> => {
    const view = await control.deployment(name)
    if (view.revision !== revision || view.rollout?.paused != null) {
      const became = (await control.history(name)).find((one) => one.revision === revision)
      const reason =
        view.rollout?.paused ?? became?.outcome?.reason ?? `revision ${view.revision} came after it`
      progress.fail(name, `${name}: revision ${revision} did not take over: ${reason}`)
      throw new AppError('deployment/rolled-back', {
        message: `revision ${revision} of ${name} did not take over: ${reason}`,
      })
    }
    if (view.rollout === null) return view
    progress.update(name, `${name}: ${view.rollout.status}`)
    return undefined
  }
  const options = { timeoutMs, everyMs: 500, interrupt: io.interrupt }
  const view = await poll(`revision ${revision} of ${name} has taken over`, look, options).catch(
    (thrown: unknown) => {
      progress.clear()
      throw thrown
    },
  )
  progress.done(name, `${name}: revision ${revision} has taken over, ${view.status}`)
  return view
}
