import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Kysely, SqliteAdapter, SqliteDialect, type SqliteDatabase } from 'kysely'
import { AppError } from '../../core/errors.ts'
import { migrate } from '../migrate.ts'
import { createQueries, type Guard } from '../queries/queries.ts'
import type { Schema } from '../schema.ts'
import type { Store } from '../store.ts'

/**
 * Opens the store in a file, made where there is none. The lock is the operating system's: it goes with the process,
 * however that ends. Errors: `store/locked` while another process has it, `store/newer-schema`.
 */
export async function openSqliteStore(path: string, busyTimeoutMs = 5000): Promise<Store> {
  const database = openDatabase(path, busyTimeoutMs)
  const db = new Kysely<Schema>({ dialect: new TransactionalSqliteDialect(adapt(database)) })
  try {
    await migrate(db)
  } catch (thrown) {
    await db.destroy()
    throw asStoreError(thrown, path)
  }
  const guard: Guard = (call) =>
    call().catch((thrown) => Promise.reject(asStoreError(thrown, path)))
  return { kind: 'sqlite', ...createQueries(db, guard), close: () => db.destroy() }
}

function openDatabase(path: string, busyTimeoutMs: number): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    keepPrivate(path)
    database = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true })
    // Before WAL: the lock is then taken once and kept, and no shared-memory file is needed.
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = FULL')
    database.exec('BEGIN IMMEDIATE; COMMIT')
    return database
  } catch (thrown) {
    database?.close()
    throw asStoreError(thrown, path)
  }
}

/**
 * Hashes of keys and who asked what when: for nobody else, whoever made the directory. SQLite gives its log the same
 * rights. A file that is there is not opened for it: closing it would give up the lock that this process may have on it.
 */
function keepPrivate(path: string): void {
  try {
    if (existsSync(path)) chmodSync(path, 0o600)
    else closeSync(openSync(path, 'wx', 0o600))
  } catch {
    // Somebody else's, or no such directory: what comes next says so.
  }
}

/** SQLite can roll back changes of tables; Kysely's own adapter leaves a migration cut short half done. */
class TransactionalSqliteDialect extends SqliteDialect {
  constructor(database: SqliteDatabase) {
    super({ database })
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter()
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

/** `node:sqlite` in the shape that Kysely knows from better-sqlite3. Statements are kept: preparing costs most. */
function adapt(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, StatementSync>()
  const prepare = (text: string): StatementSync => {
    const known = statements.get(text)
    if (known) return known
    const statement = database.prepare(text)
    if (statements.size < statementsMax && text.length < statementLengthMax)
      statements.set(text, statement)
    return statement
  }
  return {
    close: () => database.close(),
    prepare: (text) => {
      // A full disk has SQLite roll back by itself; a second time would hide why.
      const isDone = /^rollback$/i.test(text) && !database.isTransaction
      const statement = prepare(isDone ? 'select 1' : text)
      const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[]
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...values(parameters)),
        run: (parameters) => statement.run(...values(parameters)),
        iterate: (parameters) => statement.iterate(...values(parameters)),
      }
    },
  }
}

const statementsMax = 200
/** Longer ones insert many rows; their number differs each time. */
const statementLengthMax = 2000

function asStoreError(thrown: unknown, path: string): unknown {
  const { errcode, message } = thrown as { errcode?: number; message?: string }
  // Extended codes keep the primary one in the lowest byte. https://sqlite.org/rescode.html
  const code = errcode === undefined ? undefined : errcode & 0xff
  if (code === undefined || thrown instanceof AppError) return thrown
  const detail = { message: `${path}: ${message}`, cause: thrown }
  if (code === 5 || code === 6)
    return new AppError('store/locked', { ...detail, message: `${path} is in use` })
  if (code === 13) return new AppError('machine/disk-full', detail)
  if (code === 11 || code === 26)
    return new AppError('store/unavailable', {
      ...detail,
      hint: 'The file is damaged or no database: move it away or bring back a copy.',
    })
  return new AppError('store/unavailable', {
    ...detail,
    hint: 'Check the disk and the rights of the data directory.',
  })
}
