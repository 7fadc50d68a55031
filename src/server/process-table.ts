import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dataVariable, replicaVariable, roleVariable } from '../contract/boot.ts'
import type { ProcessRecord } from '../contract/boot.ts'

/** A process that Baleen started for one data directory. */
export interface FoundProcess {
  readonly pid: number
  readonly startTime: string
  /** `control`, `gateway`, or `engine` for anything that a replica runs. */
  readonly role: string
}

/**
 * When the process was started, as the operating system tells it: with the pid it names one process for good.
 * Null: there is no such process, or it has ended and only waits to be reaped.
 */
export function startTimeOf(pid: number): string | null {
  if (process.platform !== 'linux') return startTimeFromPs(pid)
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold blanks and brackets itself: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const hasEnded = fields[0] === 'Z' || fields[0] === 'X'
    return hasEnded ? null : (fields[19] ?? null)
  } catch {
    return null
  }
}

export const isRunning = (record: Pick<ProcessRecord, 'pid' | 'startTime'>): boolean =>
  startTimeOf(record.pid) === record.startTime

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

function startTimeFromPs(pid: number): string | null {
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: 5000,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return text.trim() || null
  } catch {
    return null
  }
}
