import { parentPort, workerData } from 'node:worker_threads'
import type { PacerData } from './pacer.ts'
import { createRunClock } from './run-clock.ts'

/** Bounds the wake-ups at high rates: those that fall due within this time share one. */
const quantumMs = 0.2

const { timesMs, startMs, state } = workerData as PacerData
const clock = createRunClock()
parentPort?.postMessage('ready')
while (Atomics.load(state, 0) === 0) Atomics.wait(state, 0, 0)
const now = () => clock() - startMs[0]!
let next = 0
while (next < timesMs.length && Atomics.load(state, 0) === 1) {
  const waitMs = timesMs[next]! - now()
  // Sleeps in the kernel until the time or the end; a spin would take a core that the server may need. The call that
  // announced the start may wake it early: then it sleeps again.
  if (waitMs > 0 && Atomics.wait(state, 0, 1, waitMs) !== 'timed-out') continue
  const nowMs = now()
  while (next < timesMs.length && timesMs[next]! <= nowMs) next++
  parentPort?.postMessage('due')
  if (next < timesMs.length) Atomics.wait(state, 0, 1, quantumMs)
}
