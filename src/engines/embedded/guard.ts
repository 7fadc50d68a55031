import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProcessRecord } from '../../contract/boot.ts'

/**
 * Calls `onOrphaned` once when no supervisor of the data directory has been alive for `graceMs`: the one that
 * started this engine died and none took its place, so nobody would ever stop it. Returns how to end the watch.
 */
export function watchSupervisor(
  dataDirectory: string,
  onOrphaned: () => void,
  { everyMs = 1000, graceMs = 15_000 } = {},
): () => void {
  const path = recordPath(dataDirectory)
  let aliveMs = performance.now()
  const timer = setInterval(() => {
    void isAlive(path).then((alive) => {
      if (alive) aliveMs = performance.now()
      else if (performance.now() - aliveMs >= graceMs) {
        clearInterval(timer)
        onOrphaned()
      }
    })
  }, everyMs)
  return () => clearInterval(timer)
}

const recordPath = (dataDirectory: string): string => join(dataDirectory, 'run', 'supervisor.json')

/** Whether there is one, or was one, to be lost. */
export const hasSupervisor = (dataDirectory: string): boolean =>
  existsSync(recordPath(dataDirectory))

async function isAlive(path: string): Promise<boolean> {
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as ProcessRecord
    if (process.platform === 'linux') return (await startTimeOf(record.pid)) === record.startTime
    return process.kill(record.pid, 0)
  } catch (thrown) {
    // Somebody else's process by that number, or none; a file half written counts as alive until it is whole.
    return thrown instanceof SyntaxError
  }
}

/** Field 22 of /proc/PID/stat; null for a process that has ended and only waits to be reaped. */
async function startTimeOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name in brackets may hold blanks and brackets itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null)
}
