import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../core/errors.ts'

const pollMs = 50

/**
 * Does something that only one process on this disk may do at a time. The lock is the operating system's own, taken
 * through SQLite: it ends with its process, however that ends. Errors: model/busy after `waitMs`.
 */
export async function exclusively<T>(
  path: string,
  { waitMs, what, signal }: { waitMs: number; what: string; signal: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const lock = new DatabaseSync(path)
  try {
    for (let waitedMs = 0; !tryLock(lock); waitedMs += pollMs) {
      if (waitedMs >= waitMs)
        throw new AppError('model/busy', { message: `another process is at work on ${what}` })
      await sleep(pollMs, undefined, signal && { signal })
    }
    return await work()
  } finally {
    lock.close()
  }
}

const sqliteBusy = 5

function tryLock(lock: DatabaseSync): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return true
  } catch (thrown) {
    if ((thrown as { errcode?: number }).errcode === sqliteBusy) return false
    throw thrown
  }
}
