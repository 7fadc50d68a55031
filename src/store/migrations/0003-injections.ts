import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

export const injections: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('injections')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('started_at_ms', 'bigint', (column) => column.notNull())
      .addColumn('head', 'text', (column) => column.notNull())
      .addColumn('document', 'text', (column) => column.notNull())
      .execute()
    await db.schema
      .createIndex('injections_started')
      .on('injections')
      .column('started_at_ms')
      .execute()
  },
}
