import type { Selectable } from 'kysely'
import { deploymentSpec, type DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import type { Schema } from '../schema.ts'
import type { Change, DeploymentQueries, StoredDeployment } from '../store.ts'
import { nextPosition, type Database, type Write } from './database.ts'

export function createDeploymentQueries(db: Database, write: Write): DeploymentQueries {
  return {
    async list() {
      const rows = await db.selectFrom('deployments').selectAll().orderBy('position').execute()
      return rows.map(toDeployment)
    },
    create: (spec, change) =>
      write(async (transaction) => {
        if (await find(transaction, spec.name))
          throw new AppError('deployment/conflict', {
            message: `a deployment named "${spec.name}" exists already`,
            param: 'name',
            hint: 'Choose another name, or change the one that is there.',
          })
        return insert(transaction, spec, change)
      }),
    update: (spec, change, ifRevision) =>
      write(async (transaction) => {
        const stored = await findOrThrow(transaction, spec.name)
        if (ifRevision !== null && stored.revision !== ifRevision)
          throw new AppError('deployment/conflict', {
            message: `"${spec.name}" is at revision ${stored.revision}, no longer at ${ifRevision}`,
          })
        return replace(transaction, stored, spec, change)
      }),
    remove: (name, change) =>
      write(async (transaction) => {
        await findOrThrow(transaction, name)
        await remove(transaction, name, change)
      }),
    async history(name) {
      const rows = await db
        .selectFrom('deployment_revisions')
        .selectAll()
        .where('deployment', '=', name)
        .orderBy('revision', 'desc')
        .execute()
      return rows.map((row) => ({
        revision: row.revision,
        spec: row.spec === null ? null : parseSpec(row.spec),
        by: row.changed_by,
        why: row.why,
        atMs: row.at_ms,
      }))
    },
    configEntries: () => db.selectFrom('config_entries').selectAll().orderBy('name').execute(),
    applyConfig: (changes, entries, change) =>
      write(async (transaction) => {
        for (const one of changes) {
          const name = one.kind === 'put' ? one.spec.name : one.name
          const stored = await find(transaction, name)
          if (one.kind === 'put' && stored) await replace(transaction, stored, one.spec, change)
          else if (one.kind === 'put') await insert(transaction, one.spec, change)
          else if (stored) await remove(transaction, name, change)
        }
        await transaction.deleteFrom('config_entries').execute()
        if (entries.length > 0)
          await transaction
            .insertInto('config_entries')
            .values([...entries])
            .execute()
      }),
  }
}

async function find(db: Database, name: string): Promise<StoredDeployment | undefined> {
  const row = await db
    .selectFrom('deployments')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst()
  return row && toDeployment(row)
}

async function findOrThrow(db: Database, name: string): Promise<StoredDeployment> {
  const stored = await find(db, name)
  if (stored) return stored
  throw new AppError('deployment/not-found', {
    message: `no deployment is named "${name}"`,
    param: 'name',
  })
}

async function insert(
  db: Database,
  spec: DeploymentSpec,
  change: Change,
): Promise<StoredDeployment> {
  // Revisions go on where a deleted deployment of the same name stopped: a number is never used twice.
  const revision = (await lastRevision(db, spec.name)) + 1
  const row = {
    name: spec.name,
    position: await nextPosition(db, 'deployments'),
    revision,
    spec: JSON.stringify(spec),
    created_at_ms: change.atMs,
    updated_at_ms: change.atMs,
  }
  await db.insertInto('deployments').values(row).execute()
  await remember(db, spec.name, revision, row.spec, change)
  return toDeployment(row)
}

async function replace(
  db: Database,
  stored: StoredDeployment,
  spec: DeploymentSpec,
  change: Change,
): Promise<StoredDeployment> {
  const revision = stored.revision + 1
  const text = JSON.stringify(spec)
  await db
    .updateTable('deployments')
    .set({ revision, spec: text, updated_at_ms: change.atMs })
    .where('name', '=', spec.name)
    .execute()
  await remember(db, spec.name, revision, text, change)
  return { ...stored, spec, revision, updatedAtMs: change.atMs }
}

async function remove(db: Database, name: string, change: Change): Promise<void> {
  const revision = (await lastRevision(db, name)) + 1
  await db.deleteFrom('deployments').where('name', '=', name).execute()
  await remember(db, name, revision, null, change)
}

async function lastRevision(db: Database, name: string): Promise<number> {
  const row = await db
    .selectFrom('deployment_revisions')
    .select(({ fn }) => fn.max('revision').as('last'))
    .where('deployment', '=', name)
    .executeTakeFirst()
  return row?.last ?? 0
}

async function remember(
  db: Database,
  deployment: string,
  revision: number,
  spec: string | null,
  { by, why, atMs }: Change,
): Promise<void> {
  await db
    .insertInto('deployment_revisions')
    .values({ deployment, revision, spec, changed_by: by, why, at_ms: atMs })
    .execute()
}

const toDeployment = (row: Selectable<Schema['deployments']>): StoredDeployment => ({
  spec: parseSpec(row.spec),
  revision: row.revision,
  createdAtMs: row.created_at_ms,
  updatedAtMs: row.updated_at_ms,
})

/** Through the schema, so that a spec written by an older Baleen gets the defaults of settings made since. */
const parseSpec = (text: string): DeploymentSpec => deploymentSpec.parse(JSON.parse(text))
