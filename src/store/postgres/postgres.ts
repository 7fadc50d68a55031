import { setTimeout as delay } from 'node:timers/promises'
import { Kysely, PostgresDialect } from 'kysely'
import { Pool, types, type ClientConfig } from 'pg'
import { migrate } from '../migrate.ts'
import { createQueries, type Guard } from '../queries/queries.ts'
import type { Schema } from '../schema.ts'
import type { Store } from '../store.ts'
import { asStoreError, isConnectError } from './errors.ts'
import { takeLeaderLock } from './leader-lock.ts'

export interface PostgresTiming {
  /** How long opening waits for another control to let go: its session may outlive it a little. */
  readonly openTimeoutMs: number
  /** How long a call is retried while the server is away. */
  readonly callTimeoutMs: number
}

const defaults: PostgresTiming = { openTimeoutMs: 10_000, callTimeoutMs: 3000 }
const statementTimeoutMs = 30_000
const retryMs = 100

/** Opens the store on a server. Errors: `store/locked`, `store/unavailable`, `store/newer-schema`. */
export async function openPostgresStore(
  url: string,
  timing: PostgresTiming = defaults,
): Promise<Store> {
  const config: ClientConfig = {
    connectionString: url,
    application_name: 'baleen',
    connectionTimeoutMillis: 5000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 5000,
    keepAlive: true,
    types: { getTypeParser: parserOf },
  }
  const lock = await takeLeaderLock(config, timing.openTimeoutMs)
  const pool = new Pool({ ...config, max: 4 })
  pool.on('error', () => {}) // an idle connection broke: the next call opens another
  // One in use broke between two statements: the next of them fails, and the process does not die of it.
  pool.on('connect', (client) => client.on('error', () => {}))
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
  const close = async (): Promise<void> => {
    await db.destroy()
    await lock.release()
  }

  const guard: Guard = async (call) => {
    const deadlineMs = performance.now() + timing.callTimeoutMs
    for (let pauseMs = retryMs; ; pauseMs *= 2) {
      try {
        await lock.held(Math.max(0, deadlineMs - performance.now()))
        return await call()
      } catch (thrown) {
        if (!isConnectError(thrown) || performance.now() + pauseMs > deadlineMs)
          throw asStoreError(thrown)
        await delay(pauseMs)
      }
    }
  }

  try {
    await guard(() => migrate(db))
  } catch (thrown) {
    await close()
    throw thrown
  }
  return { kind: 'postgres', ...createQueries(db, guard), close }
}

const int8 = 20

/** The driver leaves int8 as text; ours are times and counts, all below 2^53. */
const parserOf = ((oid: number, format?: 'text') =>
  oid === int8 ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser
