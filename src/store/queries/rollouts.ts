import type { DeploymentSpec } from '../../contract/deployment.ts'
import type { Schema } from '../schema.ts'
import type { StoredRollout } from '../store.ts'
import type { Database } from './database.ts'

export type RolloutRow = Schema['rollouts'] & { from_spec: string | null }

/** Those that are under way, each with the spec that it comes from. */
export const rolloutRows = (db: Database) =>
  db
    .selectFrom('rollouts')
    .leftJoin('deployment_revisions', (join) =>
      join
        .onRef('deployment_revisions.deployment', '=', 'rollouts.deployment')
        .onRef('deployment_revisions.revision', '=', 'rollouts.from_revision'),
    )
    .selectAll('rollouts')
    .select('deployment_revisions.spec as from_spec')

export const toRollout = (
  row: RolloutRow | undefined,
  parseSpec: (text: string) => DeploymentSpec,
): StoredRollout | null =>
  row
    ? {
        from:
          row.from_revision === null || row.from_spec === null
            ? null
            : { revision: row.from_revision, spec: parseSpec(row.from_spec) },
        step: row.step,
        bakingSinceMs: row.baking_since_ms,
        paused: row.paused,
      }
    : null

/** A new revision begins to take over from the one that serves. */
export async function beginRollout(
  db: Database,
  deployment: string,
  from: number | null,
): Promise<void> {
  await endRollout(db, deployment)
  await db
    .insertInto('rollouts')
    .values({ deployment, from_revision: from, step: 0, baking_since_ms: null, paused: null })
    .execute()
}

export async function endRollout(db: Database, deployment: string): Promise<void> {
  await db.deleteFrom('rollouts').where('deployment', '=', deployment).execute()
}

export async function noteOutcome(db: Database, row: Schema['revision_outcomes']): Promise<void> {
  await db
    .deleteFrom('revision_outcomes')
    .where('deployment', '=', row.deployment)
    .where('revision', '=', row.revision)
    .execute()
  await db.insertInto('revision_outcomes').values(row).execute()
}
