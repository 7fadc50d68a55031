import type { DeploymentSpec } from '../../contract/deployment.ts'
import { systemClock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import type { ModelSource } from '../../deployer/preparation.ts'
import { bundledModel } from '../../models/bundled/catalogue.ts'
import { resolveModel } from '../../models/library.ts'
import { noteUse } from '../../models/prune.ts'
import type { ModelProgress } from '../../models/progress.ts'
import { parseReference } from '../../models/reference.ts'

/** Models of a directory for the deployer. */
export function createModelSource(directory: string): ModelSource {
  return async (model, { onProgress, signal }) => {
    const tell = (progress: ModelProgress): void =>
      onProgress(`preparing the model${percentOf(progress)}`)
    const { path, name } = await resolveModel(model, directory, { onProgress: tell, signal })
    await noteUse(directory, name, systemClock.nowMs())
    return path
  }
}

/** Refuses a model that is not here or can't do the task. Makes nothing. Errors: `model/…`, `request/invalid`. */
export async function checkModel(spec: DeploymentSpec, directory: string): Promise<void> {
  const reference = parseReference(spec.model)
  const { task, name } =
    reference.kind === 'bundled'
      ? bundledModel(reference.name)
      : await resolveModel(spec.model, directory)
  if (task === 'embed' && spec.task === 'generate')
    throw new AppError('request/invalid', {
      message: `${name} makes embeddings, it writes no text`,
      param: 'task',
      hint: 'Set the task to `embed`.',
    })
}

function percentOf({ doneBytes, totalBytes }: ModelProgress): string {
  return totalBytes ? `, ${Math.floor((doneBytes / totalBytes) * 100)} %` : ''
}
