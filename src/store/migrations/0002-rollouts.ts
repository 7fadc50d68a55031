import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

/** How changes take over, what became of each revision, and nodes that a person took out. */
export const rollouts: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('rollouts')
      .addColumn('deployment', 'text', (column) => column.primaryKey())
      .addColumn('from_revision', 'bigint')
      .addColumn('step', 'integer', (column) => column.notNull())
      .addColumn('baking_since_ms', 'bigint')
      .addColumn('paused', 'text')
      .execute()
    await db.schema
      .createTable('revision_outcomes')
      .addColumn('deployment', 'text', (column) => column.notNull())
      .addColumn('revision', 'bigint', (column) => column.notNull())
      .addColumn('outcome', 'text', (column) => column.notNull())
      .addColumn('reason', 'text', (column) => column.notNull())
      .addColumn('at_ms', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('revision_outcomes_pk', ['deployment', 'revision'])
      .execute()
    await db.schema
      .createTable('drained_nodes')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('changed_by', 'text', (column) => column.notNull())
      .addColumn('why', 'text', (column) => column.notNull())
      .addColumn('at_ms', 'bigint', (column) => column.notNull())
      .execute()
  },
}
