import type { ChildMessage } from '../../contract/ipc.ts'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import type { ModelSource } from '../../deployer/preparation.ts'
import { bundledModel } from '../../models/bundled/catalogue.ts'
import { resolveModel } from '../../models/library.ts'
import type { ModelProgress } from '../../models/progress.ts'
import { parseReference } from '../../models/reference.ts'

/** Models of a directory for the deployer. Long steps are told to the person at the terminal too. */
export function createModelSource(
  directory: string,
  send: (message: ChildMessage) => void,
): ModelSource {
  return async (model, { onProgress, signal }) => {
    const topic = `model ${model}`
    const startedAtMs = performance.now()
    let wasLong = false
    const tell = (progress: ModelProgress): void => {
      const percent = percentOf(progress)
      onProgress(`preparing the model${percent}`)
      wasLong = true
      send({ type: 'progress', topic, text: `preparing ${model}${percent}`, isDone: false })
    }
    const { path } = await resolveModel(model, directory, { onProgress: tell, signal })
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
    if (wasLong)
      send({ type: 'progress', topic, text: `prepared ${model} in ${seconds} s`, isDone: true })
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
