import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { AppError, toAppError } from '../../core/errors.ts'
import { systemClock } from '../../core/clock.ts'
import {
  diskError,
  publish,
  removeAbandoned,
  temporaryPath,
  type Written,
} from '../durable-file.ts'
import type { OnProgress } from '../progress.ts'
import { readRecord, writeRecord } from '../record.ts'
import { type BundledModel, bundledModel, packageDirectory } from './catalogue.ts'
import { fromThreadFailure } from '../thread-failure.ts'
import type { ConvertMessage, ConvertTask } from './convert-task.ts'

export interface PrepareOptions {
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

/**
 * Path of a bundled model's GGUF file, which is made first where it is missing or not what it has to be. The work is
 * done in a thread. Several processes may do it at once: each writes a file of its own, the last name given stands.
 * Errors: model/not-found, model/checksum, machine/disk-full, machine/data-unwritable.
 */
export async function prepareBundled(
  name: string,
  directory: string,
  { onProgress, signal }: PrepareOptions = {},
): Promise<string> {
  const model = bundledModel(name)
  const path = join(directory, `${name}.gguf`)
  await mkdir(directory, { recursive: true }).catch((thrown: unknown) => {
    throw diskError(thrown, directory)
  })
  await removeAbandoned(directory, systemClock.nowMs())
  if (await isPrepared(model, directory)) return path

  const temporary = temporaryPath(path)
  const task = { name, packageDirectory: packageDirectory(model), path: temporary }
  try {
    const written = await runConverter(task, model, onProgress, signal)
    if (written.sha256 !== model.sha256)
      throw new AppError('model/checksum', {
        message: `${model.package} did not turn into the ${name} that this version of Baleen knows`,
        hint: 'Run `npm ci` in the folder of Baleen: the package on disk is not the pinned one.',
      })
    await publish(temporary, path)
    await writeRecord(directory, {
      name,
      source: `bundled:${name}`,
      revision: null,
      task: model.task,
      architecture: model.architecture,
      files: [{ file: `${name}.gguf`, ...written }],
    })
  } catch (thrown) {
    await rm(temporary, { force: true })
    throw thrown
  }
  return path
}

/** Cheap: size on disk and the checksum noted when it was written. */
export async function isPrepared(model: BundledModel, directory: string): Promise<boolean> {
  const record = await readRecord(directory, model.name)
  if (record?.files[0]?.sha256 !== model.sha256) return false
  const found = await stat(join(directory, `${model.name}.gguf`)).catch(() => null)
  return found?.size === model.bytes
}

const convertTimeoutMs = 300_000

async function runConverter(
  task: ConvertTask,
  model: BundledModel,
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
): Promise<Written> {
  const deadline = AbortSignal.timeout(convertTimeoutMs)
  const stop = signal ? AbortSignal.any([signal, deadline]) : deadline
  stop.throwIfAborted()
  const worker = new Worker(new URL('./convert.ts', import.meta.url), {
    workerData: task,
    // The parent's own flags (--input-type, --inspect-brk) may not suit a thread.
    execArgv: [],
  })
  const { promise, resolve, reject } = Promise.withResolvers<Written>()
  worker.on('message', (message: ConvertMessage) => {
    if (message.type === 'done') resolve(message.written)
    else if (message.type === 'failed') reject(fromThreadFailure(message))
    else
      onProgress?.({
        step: 'convert',
        text: model.name,
        doneBytes: message.doneBytes,
        totalBytes: model.bytes,
      })
  })
  worker.on('error', (thrown) => reject(toAppError(thrown)))
  worker.on('exit', (code) => reject(toAppError(new Error(`converter ended with code ${code}`))))
  const onAbort = (): void => reject(stop.reason)
  stop.addEventListener('abort', onAbort)
  try {
    return await promise
  } finally {
    stop.removeEventListener('abort', onAbort)
    await worker.terminate()
  }
}
