import { parentPort, workerData } from 'node:worker_threads'
import { invariant } from '../../core/errors.ts'
import type { ModelProgress } from '../progress.ts'
import { toThreadFailure } from '../thread-failure.ts'
import { pullModel } from './pull.ts'
import type { PullMessage, PullTask } from './pull-task.ts'

/** Entry of a worker thread: fetches a model. */

invariant(parentPort, 'runs as a worker thread')
const port = parentPort
const tell = (message: PullMessage): void => port.postMessage(message)
const stop = new AbortController()
port.once('message', () => stop.abort())

/** Chunks come by the thousand a second; nobody looks that often. */
const tellEveryMs = 200
let latest: ModelProgress | null = null
setInterval(() => {
  if (latest) tell({ type: 'progress', progress: latest })
  latest = null
}, tellEveryMs).unref()

try {
  const { reference, directory, settings } = workerData as PullTask
  const entry = await pullModel(reference, directory, {
    ...settings,
    signal: stop.signal,
    onProgress: (progress) => void (latest = progress),
    onPruned: (name) => tell({ type: 'pruned', name }),
  })
  tell({ type: 'done', entry })
} catch (thrown) {
  tell(toThreadFailure(thrown))
} finally {
  port.close()
}
