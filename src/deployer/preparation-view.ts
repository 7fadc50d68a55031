import type { DeploymentSpec, PreparationView } from '../contract/deployment.ts'
import { AppError } from '../core/errors.ts'
import { formatDurationMs } from '../core/units.ts'
import { failureText } from './failure-text.ts'
import { isLasting } from './policy/preparation-retry.ts'
import type { ModelFile, Preparation } from './preparation.ts'

/** A model that is not there, for who looks at its deployment. */
export function preparationViewOf(
  preparation: Exclude<Preparation, { state: 'ready' }>,
  nowMs: number,
): PreparationView {
  if (preparation.state === 'waiting') {
    const { reason, arrived } = preparation
    return {
      reason,
      doneBytes: arrived?.doneBytes ?? null,
      totalBytes: arrived?.totalBytes ?? null,
      error: null,
    }
  }
  const { error, failures, retryAtMs } = preparation
  // It is coming, by the hand of another process.
  if (error.code === 'model/busy')
    return { reason: error.message, doneBytes: null, totalBytes: null, error: null }
  const unitMs = retryAtMs - nowMs > 60_000 ? 60_000 : 1000
  const leftMs = Math.ceil(Math.max(0, retryAtMs - nowMs) / unitMs) * unitMs
  const view = errorView(error, failures)
  return { ...view, reason: `${view.reason}; next try in ${formatDurationMs(leftMs)}` }
}

/** What nobody tries again: its engine refuses the deployment, or is still being looked at. */
export const refusedView = (error: AppError): PreparationView =>
  error.code === 'engine/loading'
    ? { reason: error.message, doneBytes: null, totalBytes: null, error: null }
    : errorView(error, 1)

function errorView(error: AppError, failures: number): PreparationView {
  const { code, message, hint } = error
  return {
    reason: failureText({ code, message, mend: hint }),
    doneBytes: null,
    totalBytes: null,
    error: { code, message, hint, isLasting: isLasting(code), failures },
  }
}

/** Errors: `request/invalid` where the model makes embeddings and text is wanted of it. */
export function checkTask({ model, task }: DeploymentSpec, does: ModelFile['task']): void {
  if (does === 'embed' && task === 'generate')
    throw new AppError('request/invalid', {
      message: `${model} makes embeddings, it writes no text`,
      param: 'task',
      hint: 'Set the task to `embed`.',
    })
}
