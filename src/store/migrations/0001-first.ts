import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

/** Migrations never change once released: they describe the past, so they don't use `Schema`. */
export const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createDeployments(db)
    await createKeys(db)
    await createRequests(db)
  },
}

async function createDeployments(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('deployments')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('position', 'bigint', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('spec', 'text', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('updated_at_ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('deployment_revisions')
    .addColumn('deployment', 'text', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('spec', 'text')
    .addColumn('changed_by', 'text', (column) => column.notNull())
    .addColumn('why', 'text', (column) => column.notNull())
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('deployment_revisions_pk', ['deployment', 'revision'])
    .execute()
  await db.schema
    .createTable('config_entries')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute()
}

async function createKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('keys')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('position', 'bigint', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('prefix', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('routes', 'text')
    .addColumn('requests_per_minute', 'bigint')
    .addColumn('tokens_per_minute', 'bigint')
    .addColumn('expires_at_ms', 'bigint')
    .addColumn('is_admin', 'integer', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .execute()
}

async function createRequests(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('requests')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('client_id', 'text')
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('route', 'text', (column) => column.notNull())
    .addColumn('endpoint', 'text', (column) => column.notNull())
    .addColumn('stream', 'integer', (column) => column.notNull())
    .addColumn('deployment', 'text')
    .addColumn('replica', 'text')
    .addColumn('outcome', 'text', (column) => column.notNull())
    .addColumn('status', 'integer', (column) => column.notNull())
    .addColumn('error', 'text')
    .addColumn('prompt_tokens', 'bigint', (column) => column.notNull())
    .addColumn('completion_tokens', 'bigint', (column) => column.notNull())
    .addColumn('cached_tokens', 'bigint', (column) => column.notNull())
    .addColumn('is_estimated', 'integer', (column) => column.notNull())
    .addColumn('ttft_ms', 'double precision')
    .addColumn('e2e_ms', 'double precision', (column) => column.notNull())
    .addColumn('hold_ms', 'double precision', (column) => column.notNull())
    .addColumn('itl_ms_mean', 'double precision')
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('request_bytes', 'bigint', (column) => column.notNull())
    .addColumn('response_bytes', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('requests_at').on('requests').column('at_ms').execute()
  await db.schema
    .createIndex('requests_route_at')
    .on('requests')
    .columns(['route', 'at_ms'])
    .execute()
  await db.schema
    .createTable('usage_hours')
    .addColumn('hour_ms', 'bigint', (column) => column.notNull())
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('route', 'text', (column) => column.notNull())
    .addColumn('deployment', 'text', (column) => column.notNull())
    .addColumn('requests', 'bigint', (column) => column.notNull())
    .addColumn('failed', 'bigint', (column) => column.notNull())
    .addColumn('prompt_tokens', 'bigint', (column) => column.notNull())
    .addColumn('completion_tokens', 'bigint', (column) => column.notNull())
    .addColumn('cached_tokens', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('usage_hours_pk', ['hour_ms', 'key_id', 'route', 'deployment'])
    .execute()
  await db.schema
    .createTable('journal_offsets')
    .addColumn('file', 'text', (column) => column.primaryKey())
    .addColumn('offset_bytes', 'bigint', (column) => column.notNull())
    .execute()
}
