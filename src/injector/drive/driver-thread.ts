import { parentPort, workerData } from 'node:worker_threads'
import {
  createDriver,
  type DriverOptions,
  type DriverProgress,
  type DriverResult,
} from './driver.ts'
import { transferable, type PackedRecords } from './record-log.ts'
import { createRunClock } from './run-clock.ts'

/** What a driver thread is started with. */
export type ThreadData = Pick<DriverOptions, 'runId' | 'sources' | 'target' | 'shard'>

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly progress: DriverProgress }
  | { readonly kind: 'done'; readonly result: DriverResult; readonly records: PackedRecords }

export type ToThread = { readonly kind: 'go'; readonly startMs: number } | { readonly kind: 'stop' }

if (parentPort) {
  const port = parentPort
  const tell = (message: FromThread, transfer?: ArrayBuffer[]) =>
    port.postMessage(message, transfer)
  const driver = createDriver({
    ...(workerData as ThreadData),
    clock: createRunClock(),
    onProgress: (progress) => tell({ kind: 'progress', progress }),
  })
  port.on('message', (message: ToThread) => {
    if (message.kind === 'stop') return driver.stop()
    void driver.run(message.startMs).then(({ result, records }) => {
      tell({ kind: 'done', result, records }, transferable(records))
      port.close()
    })
  })
  await driver.prepare()
  tell({ kind: 'ready' })
}
