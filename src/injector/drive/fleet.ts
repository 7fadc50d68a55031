import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { AppError } from '../../core/errors.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'
import type { DriverResult, StopReason } from './driver.ts'
import type { FromThread, ThreadData, ToThread } from './driver-thread.ts'
import { ordinaryPriority, takePriority, type Priority } from './priority.ts'
import { createProgressBoard, latencies, type FleetProgress } from './progress-board.ts'
import { unpackRecords } from './record-log.ts'
import { createRunClock } from './run-clock.ts'

/** All driver threads of a run as one. */
export interface Fleet {
  readonly done: Promise<FleetResult>
  /** Time 0 of the run on the shared clock, once every thread was ready. */
  readonly started: Promise<number>
  stop(): void
}

export interface FleetOptions extends Omit<ThreadData, 'shard'> {
  readonly workers: number
  /** Ask the system to run this process before others. */
  readonly isUrgent: boolean
  /** Of several machines: the first shard of this one, and the shards of all. */
  readonly shards?: { readonly first: number; readonly count: number }
  /** Asked once all threads are ready: time 0 of the run on this machine's clock. At once where left out. */
  readonly startAt?: () => Promise<number>
  readonly onProgress: (progress: FleetProgress) => void
}

/** What a thread, or a machine, measured. */
export type FleetPart = DriverResult & { readonly records: readonly RequestRecord[] }

export interface FleetResult {
  readonly records: RequestRecord[]
  readonly scheduled: number
  readonly inFlightAreaMs: number
  /** Of the busiest thread. */
  readonly cpuShare: number
  /** Of all threads and their pacers. */
  readonly cpuMs: number
  readonly eventLoopDelayMsP99: number
  readonly priority: Priority['level']
  readonly stoppedBy: StopReason
  readonly stoppedAtMs: number
}

/** So that every thread has heard of the start before it comes. */
const startLeadMs = 50

/**
 * What a thread may hold before V8 looks through all of it, which takes some 20 ms: most runs then never see that. Read
 * when a thread is made; there is no such limit among those of a worker.
 */
const roomFlag = '--initial-heap-size=256'

/** Shards one schedule over threads; what they measured is put together without loss: records, not averages. */
export function startFleet(options: FleetOptions): Fleet {
  const { workers, isUrgent, onProgress, shards, startAt, ...data } = options
  // Before the threads are made: they inherit it.
  const priority = isUrgent ? takePriority() : ordinaryPriority
  setFlagsFromString(roomFlag)
  const clock = createRunClock()
  const started = Promise.withResolvers<number>()
  const waits = Array.from({ length: workers }, () => Promise.withResolvers<FleetPart>())
  let readyCount = 0
  let startMs = Infinity
  const board = createProgressBoard({
    senders: () => workers,
    now: () => clock() - startMs,
    onProgress,
  })

  const threads = waits.map((wait, index) => {
    const shard = { index: (shards?.first ?? 0) + index, count: shards?.count ?? workers }
    const workerData: ThreadData = { ...data, shard }
    const thread = new Worker(new URL('./driver-thread.ts', import.meta.url), {
      workerData,
      execArgv: [],
    })
    thread.on('message', (message: FromThread) => {
      if (message.kind === 'done')
        wait.resolve({ ...message.result, records: unpackRecords(message.records) })
      else if (message.kind === 'progress')
        board.take(index, message.progress, (recent) => {
          for (const name of latencies) recent[name].add(message.progress[name])
        })
      else if (++readyCount === workers) void start()
    })
    const fail = (cause: unknown) => {
      const error = new AppError('internal/unexpected', { message: 'a driver thread ended', cause })
      wait.reject(error)
      started.reject(error)
    }
    thread.on('error', fail)
    thread.on('exit', fail)
    return thread
  })

  async function start(): Promise<void> {
    startMs = (await startAt?.()) ?? clock() + startLeadMs
    for (const thread of threads) send(thread, { kind: 'go', startMs })
    started.resolve(startMs)
  }

  const done = Promise.all(waits.map(({ promise }) => promise))
    .then((results) => {
      board.flush()
      return mergeResults(results, priority.level)
    })
    .finally(() => {
      priority.release()
      return Promise.all(threads.map((thread) => thread.terminate()))
    })
  started.promise.catch(() => {})
  return {
    done,
    started: started.promise,
    stop() {
      for (const thread of threads) send(thread, { kind: 'stop' })
    },
  }
}

/** What threads, or machines, measured as one. */
export function mergeResults(
  results: readonly FleetPart[],
  priority: Priority['level'],
): FleetResult {
  const sum = (value: (result: FleetPart) => number) =>
    results.reduce((total, result) => total + value(result), 0)
  return {
    records: results.flatMap(({ records }) => records).sort((a, b) => a.index - b.index),
    scheduled: sum(({ scheduled }) => scheduled),
    inFlightAreaMs: sum(({ inFlightAreaMs }) => inFlightAreaMs),
    cpuMs: sum(({ cpuMs }) => cpuMs),
    cpuShare: Math.max(...results.map(({ cpuShare }) => cpuShare)),
    eventLoopDelayMsP99: Math.max(...results.map((result) => result.eventLoopDelayMsP99)),
    priority,
    stoppedBy: results.find(({ stoppedBy }) => stoppedBy !== 'schedule')?.stoppedBy ?? 'schedule',
    stoppedAtMs: Math.min(...results.map(({ stoppedAtMs }) => stoppedAtMs)),
  }
}

const send = (thread: Worker, message: ToThread): void => thread.postMessage(message)
