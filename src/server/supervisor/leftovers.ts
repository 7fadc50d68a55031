import { setTimeout as delay } from 'node:timers/promises'
import { findProcesses, isRunning, signalProcess, type FoundProcess } from '../process-table.ts'

export type Role = 'control' | 'gateway' | 'engine'

/**
 * Ends what an earlier generation left running: asks, waits for the grace, then kills. Returns how many there were.
 * The caller holds the data directory's lock, so nobody starts new ones meanwhile.
 */
export async function endLeftovers(
  dataDirectory: string,
  roles: readonly Role[],
  graceMs: number,
): Promise<number> {
  const found = findProcesses(dataDirectory).filter((one) => (roles as string[]).includes(one.role))
  for (const one of found) signalProcess(one, 'SIGTERM')
  if (!(await areGone(found, graceMs))) {
    for (const one of found) signalProcess(one, 'SIGKILL')
    await areGone(found, 2000)
  }
  return found.length
}

async function areGone(processes: readonly FoundProcess[], withinMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs
  while (processes.some(isRunning)) {
    if (performance.now() >= deadlineMs) return false
    await delay(20)
  }
  return true
}
