import { sql, type Kysely } from 'kysely'
import { Migrator, type Migration } from 'kysely/migration'
import { AppError } from '../core/errors.ts'
import { first } from './migrations/0001-first.ts'
import { rollouts } from './migrations/0002-rollouts.ts'
import { injections } from './migrations/0003-injections.ts'

/** In order for ever: a new one goes to the end. */
const migrations: Record<string, Migration> = {
  '0001-first': first,
  '0002-rollouts': rollouts,
  '0003-injections': injections,
}

/** Brings the tables to this version. Error: `store/newer-schema` where they are ahead of it. */
export async function migrate<Tables>(db: Kysely<Tables>): Promise<void> {
  const unknown = (await appliedMigrations(db)).filter((name) => !(name in migrations))
  if (unknown.length > 0)
    throw new AppError('store/newer-schema', {
      message: `the store has migrations that this version doesn't know: ${unknown.join(', ')}`,
    })
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

async function appliedMigrations<Tables>(db: Kysely<Tables>): Promise<readonly string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some((table) => table.name === 'kysely_migration')) return []
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db)
  return rows.map((row) => row.name)
}
