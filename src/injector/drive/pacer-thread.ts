import { parentPort, workerData } from 'node:worker_threads'
import type { PacerData } from './pacer.ts'
import { createRunClock } from './run-clock.ts'

/** Bounds the wake-ups at high rates: those that fall due within this time share one. */
const quantumMs = 0.2
/**
 * The system wakes a sleeper late, by much the same each time: it is asked for most of that earlier, and the little that
 * is left then is spun. More spinning would take a core that the server may need.
 */
const leadMaxMs = 0.1
const leadGain = 0.05
const leadShare = 0.6

const { timesMs, startMs, state, dueCount, cpuUs } = workerData as PacerData
const clock = createRunClock()
parentPort?.postMessage('ready')
const before = process.threadCpuUsage()
while (Atomics.load(state, 0) === 0) Atomics.wait(state, 0, 0)
const now = () => clock() - startMs[0]!
let lateMs = 0.05
let next = 0
while (next < timesMs.length && Atomics.load(state, 0) === 1) {
  const dueMs = timesMs[next]!
  const sleepUntilMs = dueMs - Math.min(leadMaxMs, leadShare * lateMs)
  const waitMs = sleepUntilMs - now()
  if (waitMs > 0) {
    // The call that announced the start may wake it early: then it sleeps again.
    if (Atomics.wait(state, 0, 1, waitMs) !== 'timed-out') continue
    lateMs += leadGain * (Math.min(1, Math.max(0, now() - sleepUntilMs)) - lateMs)
  }
  while (now() < dueMs);
  const nowMs = now()
  while (next < timesMs.length && timesMs[next]! <= nowMs) next++
  Atomics.add(dueCount, 0, 1)
  Atomics.notify(dueCount, 0)
  if (next < timesMs.length) Atomics.wait(state, 0, 1, quantumMs)
}
const cpu = process.threadCpuUsage(before)
cpuUs[0] = cpu.user + cpu.system
