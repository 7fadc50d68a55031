import { DatabaseSync } from 'node:sqlite'
import { AppError } from '../../core/errors.ts'

export interface Lock {
  release(): void
}

/**
 * One holder a file. The operating system lets go of an SQLite lock when its process dies, however it dies, so
 * there is nothing stale to clean up. `holder` is what the error says of whoever has it.
 */
export function takeLock(path: string, holder: () => string): Lock {
  const database = new DatabaseSync(path, { timeout: lingerMs })
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (thrown) {
    database.close()
    const { errcode } = thrown as { errcode?: number }
    if (errcode !== sqliteBusy) throw thrown
    throw new AppError('machine/already-running', { message: holder(), cause: thrown })
  }
  return { release: () => database.close() }
}

const sqliteBusy = 5
/** A holder that was just killed lets go a moment later. */
const lingerMs = 500
