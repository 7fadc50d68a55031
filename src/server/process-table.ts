import { readdirSync, readFileSync } from 'node:fs'
import { dataVariable, replicaVariable, roleVariable } from '../contract/boot.ts'
import { isRunning, startTimeOf } from '../runtimes/process/process-table.ts'

export { isRunning, startTimeOf }

/** A process that Baleen started for one data directory. */
export interface FoundProcess {
  readonly pid: number
  readonly startTime: string
  /** `control`, `gateway`, or `engine` for anything that a replica runs. */
  readonly role: string
}

/**
 * Every process of a data directory, found by its environment. Linux only; elsewhere the list is empty and
 * children rely on noticing the closed IPC channel.
 */
export function findProcesses(dataDirectory: string): readonly FoundProcess[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .map((entry) => readProcess(Number(entry), dataDirectory))
    .filter((found) => found !== null)
}

/** Sends a signal to exactly that process: never to another one that got its pid since. */
export function signalProcess(
  found: Pick<FoundProcess, 'pid' | 'startTime'>,
  signal: NodeJS.Signals,
) {
  if (!isRunning(found)) return false
  try {
    return process.kill(found.pid, signal)
  } catch {
    return false
  }
}

function readProcess(pid: number, dataDirectory: string): FoundProcess | null {
  let environment: string[]
  try {
    environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return null
  }
  const read = (name: string): string | undefined =>
    environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1)
  if (read(dataVariable) !== dataDirectory) return null
  const role = read(replicaVariable) === undefined ? read(roleVariable) : 'engine'
  const startTime = startTimeOf(pid)
  return role === undefined || startTime === null ? null : { pid, startTime, role }
}
