import { Worker } from 'node:worker_threads'

/** Wakes the driver when requests fall due, from a thread of its own: timers of an event loop come 1 ms late. */
export interface Pacer {
  /** Settles when `start` can be obeyed at once. */
  readonly ready: Promise<void>
  /** `startMs`: time 0 on the run's clock. */
  start(startMs: number): void
  stop(): Promise<void>
  /** Processor time that the thread has taken since the start, in microseconds, as of a moment ago. */
  cpuUs(): number
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
  /** Counts the times at which something fell due. */
  readonly dueCount: Int32Array
  readonly startMs: Float64Array
  /** Written now and then, and at the end. */
  readonly cpuUs: Float64Array
}

export function createThreadPacer({ timesMs, onDue }: PacerOptions): Pacer {
  const data: PacerData = {
    timesMs,
    state: new Int32Array(new SharedArrayBuffer(4)),
    dueCount: new Int32Array(new SharedArrayBuffer(4)),
    startMs: new Float64Array(new SharedArrayBuffer(8)),
    cpuUs: new Float64Array(new SharedArrayBuffer(8)),
  }
  const worker = new Worker(new URL('./pacer-thread.ts', import.meta.url), {
    workerData: data,
    // Flags of this process may be some that threads refuse.
    execArgv: [],
  })
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
  const ended = new Promise<void>((end) => worker.once('exit', () => end()))
  worker.once('message', () => resolve())
  worker.once('error', reject)
  const enter = (state: number) => {
    Atomics.store(data.state, 0, state)
    Atomics.notify(data.state, 0)
  }
  /** Without messages: one costs the receiver about 15 µs, this about 3. */
  function listen(): void {
    for (;;) {
      const seen = Atomics.load(data.dueCount, 0)
      if (Atomics.load(data.state, 0) !== 1) return
      onDue()
      const wait = Atomics.waitAsync(data.dueCount, 0, seen)
      if (!wait.async) continue
      void wait.value.then(listen)
      return
    }
  }
  return {
    ready,
    start(startMs) {
      data.startMs[0] = startMs
      enter(1)
      listen()
    },
    stop() {
      enter(2)
      Atomics.notify(data.dueCount, 0)
      return ended
    },
    cpuUs: () => data.cpuUs[0]!,
  }
}
