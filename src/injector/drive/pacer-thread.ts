import { parentPort, workerData } from 'node:worker_threads'
import type { PacerData } from './pacer.ts'
import { createRunClock } from './run-clock.ts'

/**
 * Those that fall due within this time share a wake-up, which costs both threads and the server several times what a
 * request does. Where requests are dense more of them are worth waiting for; it stays below the millisecond that a
 * request may be late.
 */
const quantumMs = { usual: 0.2, dense: 0.5 }
/** So many within so long are dense. */
const denseCount = 10
const denseMs = 2.5
/**
 * The system wakes a sleeper late, by much the same each time: it is asked for most of that earlier, and the little that
 * is left then is spun. More spinning would take a core that the server may need.
 */
const leadMaxMs = 0.1
const leadGain = 0.05
const leadShare = 0.6
const tellEveryMs = 100

const { timesMs, startMs, state, dueCount, cpuUs } = workerData as PacerData
const clock = createRunClock()
parentPort?.postMessage('ready')
const before = process.threadCpuUsage()
while (Atomics.load(state, 0) === 0) Atomics.wait(state, 0, 0)
const now = () => clock() - startMs[0]!
let lateMs = 0.05
let next = 0
let toldMs = 0
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
  if (nowMs > toldMs + tellEveryMs) tell(nowMs)
  const shareMs = quantumMs[isDense(nowMs) ? 'dense' : 'usual']
  // One sleep is enough where nothing would share it.
  if (next < timesMs.length && timesMs[next]! < nowMs + shareMs) Atomics.wait(state, 0, 1, shareMs)
}
tell(Infinity)

function isDense(nowMs: number): boolean {
  const last = timesMs[next + denseCount]
  return last !== undefined && last < nowMs + denseMs
}

function tell(nowMs: number): void {
  const { user, system } = process.threadCpuUsage(before)
  cpuUs[0] = user + system
  toldMs = nowMs
}
