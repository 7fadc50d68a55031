import type { DeploymentSpec, DeploymentView } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import { parseDurationMs } from '../../core/units.ts'
import type { ControlClient } from '../control-client.ts'
import type { Io } from '../io.ts'
import { poll } from '../poll.ts'
import type { Progress } from '../progress.ts'

/**
 * Waits until a revision has taken over, and tells each step. `timeoutMs`: beyond the time that its steps hold anyway, and
 * anew at each of them. Errors: `deployment/rolled-back`, `cli/timeout`, `cli/interrupted`; it goes on after the last two.
 */
export async function awaitRollout(
  control: ControlClient,
  { spec, revision }: DeploymentView,
  progress: Progress,
  io: Io,
  timeoutMs: number,
): Promise<DeploymentView> {
  const { name } = spec
  let step = 0
  let status = ''
  let hasMoved = false
  const look = async (): Promise<DeploymentView | undefined> => {
    const view = await control.deployment(name)
    const { rollout } = view
    if (view.revision !== revision || rollout?.paused != null) {
      const became = (await control.history(name)).find((one) => one.revision === revision)
      const reason =
        rollout?.paused ?? became?.outcome?.reason ?? `revision ${view.revision} came after it`
      progress.fail(name, `${name}: revision ${revision} did not take over: ${reason}`)
      throw new AppError('deployment/rolled-back', {
        message: `revision ${revision} of ${name} did not take over: ${reason}`,
        ...(rollout?.paused == null
          ? {}
          : {
              hint: `\`baleen rollout ${name} resume\` goes on, \`baleen rollback ${name}\` gives it up.`,
            }),
      })
    }
    if (rollout === null) return view
    for (; step < rollout.step; step++) {
      hasMoved = true
      progress.done(`${name} ${step}`, `${name}: step ${step + 1} of ${rollout.steps} done`)
    }
    status = rollout.status
    progress.update(name, `${name}: ${status}`, `${rollout.step} ${phaseOf(status)}`)
    return undefined
  }
  const options = {
    timeoutMs: timeoutMs + 2 * longestMs(spec),
    everyMs: 500,
    interrupt: io.interrupt,
    hasMoved: () => {
      const was = hasMoved
      hasMoved = false
      return was
    },
  }
  const what = `revision ${revision} of ${name} has taken over`
  const view = await poll(what, look, options).catch((thrown: unknown) => {
    progress.clear()
    throw goesOn(thrown, name, revision, status)
  })
  progress.done(name, `${name}: revision ${revision} has taken over, ${view.status}`)
  return view
}

const longestMs = ({ rollout }: DeploymentSpec): number =>
  Math.max(0, ...rollout.steps.map(({ bakeTime }) => parseDurationMs(bakeTime)))

/** "step 1 of 2: holds": what stays while the seconds run. */
const phaseOf = (status: string): string => status.replace(/[\d.]+ ?(ms|s|m|h)?/g, '#')

/** Whoever stops watching does not stop what is watched. */
function goesOn(thrown: unknown, name: string, revision: number, status: string): unknown {
  if (!(thrown instanceof AppError)) return thrown
  if (thrown.code !== 'cli/interrupted' && thrown.code !== 'cli/timeout') return thrown
  return new AppError(thrown.code, {
    message: `${thrown.message}; revision ${revision} of ${name} goes on taking over${status === '' ? '' : ` (${status})`}`,
    hint: `\`baleen rollout ${name} follow\` watches it again, \`pause\` halts it; \`baleen rollback ${name}\` gives it up.`,
    cause: thrown,
  })
}
