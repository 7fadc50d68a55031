import { AppError } from '../../core/errors.ts'
import type { KeyTable } from '../schema.ts'
import type { KeyQueries, StoredKey } from '../store.ts'
import { nextPosition, type Database, type Write } from './database.ts'

export function createKeyQueries(db: Database, write: Write): KeyQueries {
  return {
    async list() {
      const rows = await db.selectFrom('keys').selectAll().orderBy('position').execute()
      return rows.map(toKey)
    },
    create: (key) =>
      write(async (transaction) => {
        const position = await nextPosition(transaction, 'keys')
        await transaction
          .insertInto('keys')
          .values({ ...toRow(key), position })
          .execute()
      }),
    update: (id, patch) =>
      write(async (transaction) => {
        const stored = await findOrThrow(transaction, id)
        const given = Object.entries(patch).filter(([, value]) => value !== undefined)
        const key: StoredKey = { ...stored, ...Object.fromEntries(given) }
        await transaction.updateTable('keys').set(toRow(key)).where('id', '=', id).execute()
        return key
      }),
    remove: (id) =>
      write(async (transaction) => {
        await findOrThrow(transaction, id)
        await transaction.deleteFrom('keys').where('id', '=', id).execute()
      }),
  }
}

async function findOrThrow(db: Database, id: string): Promise<StoredKey> {
  const row = await db.selectFrom('keys').selectAll().where('id', '=', id).executeTakeFirst()
  if (row) return toKey(row)
  throw new AppError('key/not-found', { message: `no key has the id "${id}"`, param: 'id' })
}

const toKey = (row: KeyTable): StoredKey => ({
  id: row.id,
  hash: row.hash,
  prefix: row.prefix,
  name: row.name,
  routes: row.routes === null ? null : (JSON.parse(row.routes) as string[]),
  requestsPerMinute: row.requests_per_minute,
  tokensPerMinute: row.tokens_per_minute,
  expiresAtMs: row.expires_at_ms,
  isAdmin: row.is_admin === 1,
  createdAtMs: row.created_at_ms,
})

const toRow = (key: StoredKey): Omit<KeyTable, 'position'> => ({
  id: key.id,
  hash: key.hash,
  prefix: key.prefix,
  name: key.name,
  routes: key.routes === null ? null : JSON.stringify(key.routes),
  requests_per_minute: key.requestsPerMinute,
  tokens_per_minute: key.tokensPerMinute,
  expires_at_ms: key.expiresAtMs,
  is_admin: key.isAdmin ? 1 : 0,
  created_at_ms: key.createdAtMs,
})
