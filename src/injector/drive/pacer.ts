import { Worker } from 'node:worker_threads'

/** Wakes the driver when requests fall due, from a thread of its own: timers of an event loop come 1 ms late. */
export interface Pacer {
  /** Settles when `start` can be obeyed at once. */
  readonly ready: Promise<void>
  /** `startMs`: time 0 on the run's clock. */
  start(startMs: number): void
  stop(): Promise<void>
}

export interface PacerOptions {
  /** Ascending, milliseconds after the start. */
  readonly timesMs: Float64Array
  /** At least one request is due. */
  readonly onDue: () => void
}

export interface PacerData {
  readonly timesMs: Float64Array
  /** 0: wait for the start, 1: running, 2: end. */
  readonly state: Int32Array
  readonly startMs: Float64Array
}

export function createThreadPacer({ timesMs, onDue }: PacerOptions): Pacer {
  const data: PacerData = {
    timesMs,
    state: new Int32Array(new SharedArrayBuffer(4)),
    startMs: new Float64Array(new SharedArrayBuffer(8)),
  }
  const worker = new Worker(new URL('./pacer-thread.ts', import.meta.url), {
    workerData: data,
    // Flags of this process may be some that threads refuse.
    execArgv: [],
  })
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
  const ended = new Promise<void>((end) => worker.once('exit', () => end()))
  worker.once('message', () => {
    worker.on('message', onDue)
    resolve()
  })
  worker.once('error', reject)
  const enter = (state: number) => {
    Atomics.store(data.state, 0, state)
    Atomics.notify(data.state, 0)
  }
  return {
    ready,
    start(startMs) {
      data.startMs[0] = startMs
      enter(1)
    },
    stop() {
      enter(2)
      return ended
    },
  }
}
