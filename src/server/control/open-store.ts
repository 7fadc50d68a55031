import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { toAppError } from '../../core/errors.ts'
import type { Store } from '../../store/store.ts'

const retryMs = 1000

/**
 * The store of the data directory, or with a URL that of the database server, which is waited for a while. Errors:
 * `store/…`.
 */
export async function openStore(
  dataDirectory: string,
  databaseUrl: string | undefined,
  waitMs: number,
  onWait: (reason: string) => void,
): Promise<Store> {
  if (databaseUrl === undefined) {
    const { openSqliteStore } = await import('../../store/sqlite/sqlite.ts')
    return openSqliteStore(join(dataDirectory, 'baleen.db'))
  }
  const { openPostgresStore } = await import('../../store/postgres/postgres.ts')
  const deadlineMs = performance.now() + waitMs
  for (;;)
    try {
      return await openPostgresStore(databaseUrl)
    } catch (thrown) {
      const error = toAppError(thrown)
      if (error.code !== 'store/unavailable' || performance.now() > deadlineMs) throw error
      onWait(error.message)
      await delay(retryMs)
    }
}
