import type { Selectable } from 'kysely'
import { runsAlike } from '../../contract/deployment-change.ts'
import { deploymentSpec, type DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import type { Schema } from '../schema.ts'
import type { Change, DeploymentQueries, StoredDeployment } from '../store.ts'
import { nextPosition, type Database, type Write } from './database.ts'
import {
  beginRollout,
  endRollout,
  noteOutcome,
  rolloutRows,
  toRollout,
  type RolloutRow,
} from './rollouts.ts'

export function createDeploymentQueries(db: Database, write: Write): DeploymentQueries {
  return {
    async list() {
      const rows = await db.selectFrom('deployments').selectAll().orderBy('position').execute()
      const rollouts = new Map(
        (await rolloutRows(db).execute()).map((row) => [row.deployment, row]),
      )
      return rows.map((row) => toDeployment(row, rollouts.get(row.name)))
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
    setRollout: (name, revision, { step, bakingSinceMs, paused }) =>
      write(async (transaction) => {
        const stored = await find(transaction, name)
        if (stored?.revision !== revision) return
        await transaction
          .updateTable('rollouts')
          .set({ step, baking_since_ms: bakingSinceMs, paused })
          .where('deployment', '=', name)
          .execute()
      }),
    promote: (name, revision, reason, atMs) =>
      write(async (transaction) => {
        const stored = await find(transaction, name)
        if (stored?.revision !== revision || !stored.rollout) return
        await endRollout(transaction, name)
        await noteOutcome(transaction, {
          deployment: name,
          revision,
          outcome: 'promoted',
          reason,
          at_ms: atMs,
        })
      }),
    rollBack: (name, revision, change) =>
      write(async (transaction) => {
        const stored = await findOrThrow(transaction, name)
        const from = stored.rollout?.from
        if (stored.revision !== revision || !from)
          throw new AppError('deployment/conflict', {
            message: from
              ? `"${name}" is at revision ${stored.revision}, no longer at ${revision}`
              : `"${name}" has no earlier revision that served`,
          })
        // How many run and for whom is as it was last asked for, not as it was then.
        const { replicas, weight, priority, scaling } = stored.spec
        const spec = { ...from.spec, replicas, weight, priority, ...(scaling && { scaling }) }
        const next = await replace(transaction, stored, spec, change)
        await endRollout(transaction, name)
        const outcome = { deployment: name, reason: change.why, at_ms: change.atMs }
        await noteOutcome(transaction, { ...outcome, revision, outcome: 'rolled-back' })
        await noteOutcome(transaction, {
          ...outcome,
          revision: next.revision,
          outcome: 'promoted',
          reason: `served as revision ${from.revision}`,
        })
        return { ...next, rollout: null }
      }),
    async history(name) {
      const rows = await db
        .selectFrom('deployment_revisions')
        .leftJoin('revision_outcomes', (join) =>
          join
            .onRef('revision_outcomes.deployment', '=', 'deployment_revisions.deployment')
            .onRef('revision_outcomes.revision', '=', 'deployment_revisions.revision'),
        )
        .selectAll('deployment_revisions')
        .select([
          'revision_outcomes.outcome',
          'revision_outcomes.reason',
          'revision_outcomes.at_ms as outcome_at_ms',
        ])
        .where('deployment_revisions.deployment', '=', name)
        .orderBy('deployment_revisions.revision', 'desc')
        .execute()
      return rows.map((row) => ({
        revision: row.revision,
        spec: row.spec === null ? null : parseSpec(row.spec),
        by: row.changed_by,
        why: row.why,
        atMs: row.at_ms,
        outcome: row.outcome && {
          kind: row.outcome,
          reason: row.reason ?? '',
          atMs: row.outcome_at_ms ?? 0,
        },
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
  if (!row) return undefined
  const rollout = await rolloutRows(db).where('rollouts.deployment', '=', name).executeTakeFirst()
  return toDeployment(row, rollout)
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
  await beginRollout(db, spec.name, null)
  return { ...toDeployment(row, undefined), rollout: firstRollout }
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
  const rollout = await continueRollout(db, stored, spec, change, revision)
  return { ...stored, spec, revision, updatedAtMs: change.atMs, rollout }
}

/** A change of the engine begins to take over; any other goes with what is under way, or is there at once. */
async function continueRollout(
  db: Database,
  stored: StoredDeployment,
  spec: DeploymentSpec,
  { atMs, why }: Change,
  revision: number,
): Promise<StoredDeployment['rollout']> {
  const { name } = spec
  const open = stored.rollout
  const note = { deployment: name, at_ms: atMs }
  if (runsAlike(stored.spec, spec)) {
    if (!open)
      await noteOutcome(db, {
        ...note,
        revision,
        outcome: 'promoted',
        reason: 'nothing to restart',
      })
    else
      await noteOutcome(db, {
        ...note,
        revision: stored.revision,
        outcome: 'superseded',
        reason: why,
      })
    return open
  }
  if (open)
    await noteOutcome(db, {
      ...note,
      revision: stored.revision,
      outcome: 'superseded',
      reason: `revision ${revision} came before it had taken over`,
    })
  const from = open ? open.from : { revision: stored.revision, spec: stored.spec }
  await beginRollout(db, name, from?.revision ?? null)
  return { ...firstRollout, from }
}

const firstRollout = { from: null, step: 0, bakingSinceMs: null, paused: null }

async function remove(db: Database, name: string, change: Change): Promise<void> {
  const revision = (await lastRevision(db, name)) + 1
  await db.deleteFrom('deployments').where('name', '=', name).execute()
  await endRollout(db, name)
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

const toDeployment = (
  row: Selectable<Schema['deployments']>,
  rollout: RolloutRow | undefined,
): StoredDeployment => ({
  spec: parseSpec(row.spec),
  revision: row.revision,
  createdAtMs: row.created_at_ms,
  updatedAtMs: row.updated_at_ms,
  rollout: toRollout(rollout, parseSpec),
})

/** Through the schema, so that a spec written by an older Baleen gets the defaults of settings made since. */
const parseSpec = (text: string): DeploymentSpec => deploymentSpec.parse(JSON.parse(text))
