import type { DeploymentSpec } from '../../contract/deployment.ts'
import { systemClock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { artefactsOf } from '../../contract/artefacts.ts'
import { checkTask } from '../../deployer/preparation-view.ts'
import type { ModelSource } from '../../deployer/preparation.ts'
import { bundledModel } from '../../models/bundled/catalogue.ts'
import { resolveModel, type ResolvedModel } from '../../models/library.ts'
import type { OnProgress } from '../../models/progress.ts'
import { noteUse } from '../../models/prune.ts'
import { pullInThread } from '../../models/pull/pull-in-thread.ts'
import type { PullSettings } from '../../models/pull/pull-task.ts'
import { isFetchable, parseReference } from '../../models/reference.ts'
import { createTransferText } from './transfer-text.ts'

export interface ModelSourceOptions {
  readonly directory: string
  /** What all models together may take. Absent: what the disk has. */
  readonly bytesMax: number | undefined
  /** Where models come from, and what opens it. */
  readonly settings: () => Promise<Omit<PullSettings, 'limit'>>
  readonly log: Log
}

/** Models of a directory for the deployer: what is not there yet is fetched, or made. */
export function createModelSource(options: ModelSourceOptions): ModelSource {
  const { directory, bytesMax, settings, log } = options
  return async (model, { onProgress, signal, inUse }) => {
    const textOf = createTransferText(() => systemClock.monotonicMs())
    const tell: OnProgress = (progress) => {
      const { step, doneBytes, totalBytes } = progress
      onProgress(textOf(progress), step === 'choose' ? null : { doneBytes, totalBytes })
    }
    const found = await resolveModel(model, directory, { onProgress: tell, signal }).catch(
      (thrown: unknown) => (canBeFetched(model, thrown) ? null : Promise.reject(thrown)),
    )
    if (found) {
      await noteUse(directory, found.name, systemClock.nowMs())
      return found
    }
    onProgress(`fetching ${model}`, null)
    const limit = bytesMax === undefined ? {} : { limit: { bytesMax, inUse } }
    const pruned = (name: string): void =>
      log.info({ model: name, for: model }, 'deleted: models.maxSize leaves no room for both')
    const on = { progress: tell, pruned, signal }
    const entry = await pullInThread(model, directory, { ...(await settings()), ...limit }, on)
    log.info({ model, name: entry.name, bytes: entry.bytes }, 'fetched')
    return entry
  }
}

/** Not here, or not whole any more. */
const canBeFetched = (model: string, thrown: unknown): boolean =>
  thrown instanceof AppError &&
  (thrown.code === 'model/not-found' || thrown.code === 'model/bad-file') &&
  isFetchable(parseReference(model))

/**
 * Refuses at once what can't be had or can't do the task; what has yet to come is looked at when it is there. Makes and
 * fetches nothing. Errors: `model/…`, `request/invalid`.
 */
export async function checkModel(spec: DeploymentSpec, directory: string): Promise<void> {
  for (const name of artefactsOf(spec)) parseReference(name)
  const reference = parseReference(spec.model)
  const found: Pick<ResolvedModel, 'task'> | null =
    reference.kind === 'bundled'
      ? bundledModel(reference.name)
      : await resolveModel(spec.model, directory).catch((thrown: unknown) =>
          canBeFetched(spec.model, thrown) ? null : Promise.reject(thrown),
        )
  if (found) checkTask(spec, found.task)
}

/** Where it runs elsewhere, its engine has to find the model itself. Errors: `model/…`, `request/unsupported`. */
export function checkModelElsewhere({ model, engine }: DeploymentSpec): void {
  const { kind } = parseReference(model)
  if (kind === 'hub' || kind === 'path') return
  throw new AppError('request/unsupported', {
    message: `${engine} can't find "${model}" on another machine`,
    param: 'model',
    hint: 'Name a repository of the hub (hf:ORG/REPO), or the path of a file on a volume that its replicas have.',
  })
}
