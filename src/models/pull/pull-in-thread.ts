import { Worker } from 'node:worker_threads'
import { toAppError } from '../../core/errors.ts'
import type { ModelEntry } from '../entry.ts'
import type { OnProgress } from '../progress.ts'
import { fromThreadFailure } from '../thread-failure.ts'
import type { PullMessage, PullSettings, PullTask } from './pull-task.ts'

/** For a thread to close its files before it is ended. */
const stopMs = 2000

/**
 * `pullModel` in a thread of its own: checksums of a fast download fill a core, which a process that has other things
 * to do can't spare. Errors: those of `pullModel`; the signal's reason where it stops.
 */
export async function pullInThread(
  reference: string,
  directory: string,
  settings: PullSettings,
  on: {
    readonly progress: OnProgress
    readonly pruned: (name: string) => void
    readonly signal: AbortSignal
  },
): Promise<ModelEntry> {
  const { signal } = on
  signal.throwIfAborted()
  const task: PullTask = { reference, directory, settings }
  const worker = new Worker(new URL('./pull-thread.ts', import.meta.url), {
    workerData: task,
    // The parent's own flags (--input-type, --inspect-brk) may not suit a thread.
    execArgv: [],
  })
  const { promise, resolve, reject } = Promise.withResolvers<ModelEntry>()
  worker.on('message', (said: PullMessage) => {
    if (said.type === 'progress') on.progress(said.progress)
    else if (said.type === 'pruned') on.pruned(said.name)
    else if (said.type === 'done') resolve(said.entry)
    else reject(fromThreadFailure(said))
  })
  worker.on('error', (thrown) => reject(toAppError(thrown)))
  worker.on('exit', (code) => reject(toAppError(new Error(`the thread ended with code ${code}`))))
  const onAbort = (): void => {
    worker.postMessage('stop')
    setTimeout(() => reject(signal.reason), stopMs).unref()
  }
  signal.addEventListener('abort', onAbort)
  try {
    return await promise
  } catch (thrown) {
    signal.throwIfAborted()
    throw thrown
  } finally {
    signal.removeEventListener('abort', onAbort)
    await worker.terminate()
  }
}
