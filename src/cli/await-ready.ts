import type { DeploymentView } from '../contract/deployment.ts'
import { AppError } from '../core/errors.ts'
import type { Flags } from './command.ts'
import type { ControlClient } from './control-client.ts'
import { reasonOf, stateOf } from './deployment-table.ts'
import type { Io } from './io.ts'
import { poll } from './poll.ts'
import type { Progress } from './progress.ts'

/** Loading a large model from a slow disk takes its time. */
export const readyTimeoutMs = 600_000

/** Of commands that wait for it. */
export const readyFlags = {
  'no-wait': { kind: 'boolean', summary: 'Return once it is recorded' },
  'ready-timeout': { kind: 'duration', hint: '10m', summary: 'Longest wait until it is ready' },
} as const satisfies Flags

/** Ends in a row after which a deployment is called failed; control itself goes on trying. */
const attemptsMax = 2

/**
 * Waits until all replicas are ready; as long as more of the model comes the time does not run. Errors:
 * `deployment/failed`, `cli/timeout`.
 */
export async function awaitReady(
  control: ControlClient,
  name: string,
  progress: Progress,
  io: Io,
  timeoutMs: number,
): Promise<DeploymentView> {
  let failure: string | null = null
  let status = ''
  let [seenBytes, doneBytes] = [0, 0]
  const hasMoved = (): boolean => {
    const isMore = doneBytes > seenBytes
    seenBytes = doneBytes
    return isMore
  }
  const look = async () => {
    const view = await control.deployment(name)
    const state = stateOf(view)
    status = view.status
    doneBytes = view.preparation?.doneBytes ?? doneBytes
    const missing = view.preparation?.error
    if (missing?.isLasting) {
      progress.fail(name, `${name}: ${missing.code}: ${missing.message}`)
      throw new AppError('deployment/failed', {
        message: `${name} does not get ready: ${missing.code}: ${missing.message}`,
        hint: `${missing.hint} Then the same \`baleen deploy\` tries at once. ${state === 'updating' ? 'What ran before still serves.' : `\`baleen stop ${name}\` gives up.`}`,
      })
    }
    failure = failureIn(view) ?? failure
    if (state === 'ready' || state === 'stopped') return view
    if (hasFailed(view)) {
      // By now the next try may have begun: what ended the last one is the reason.
      const reason = failure ?? reasonOf(view)
      progress.fail(name, `${name}: ${reason}`)
      throw new AppError('deployment/failed', {
        message: `${name} does not get ready: ${reason}`,
        hint:
          state === 'updating'
            ? `What ran before still serves. \`baleen logs ${name}\` shows what the new engine said; deploying the former settings gives up.`
            : `\`baleen logs ${name}\` shows what its engine said; \`baleen stop ${name}\` gives up.`,
      })
    }
    progress.update(name, `${name}: ${view.status}`)
    return undefined
  }
  const view = await poll(`${name} is ready`, look, {
    timeoutMs,
    everyMs: 250,
    interrupt: io.interrupt,
    hasMoved,
  }).catch((thrown: unknown) => {
    progress.clear()
    if (!(thrown instanceof AppError) || thrown.code !== 'cli/timeout') throw thrown
    const message = `${thrown.message}: ${status}`
    throw new AppError('cli/timeout', { message, hint: waitHint, cause: thrown })
  })
  progress.done(name, `${name}: ${view.status}`)
  return view
}

const waitHint =
  'Control goes on trying: `baleen ps` shows how it is. --ready-timeout waits longer.'

/** Control names what ended an engine while it waits to try again. */
const failureIn = (view: DeploymentView): string | null =>
  /^(.+); next try in /.exec(reasonOf(view))?.[1] ?? null

const hasFailed = (view: DeploymentView): boolean =>
  view.preparation?.error
    ? view.preparation.error.failures >= attemptsMax
    : stateOf(view) === 'failed' || view.failures >= attemptsMax
