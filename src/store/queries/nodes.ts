import type { NodeQueries } from '../store.ts'
import type { Database, Write } from './database.ts'

export function createNodeQueries(db: Database, write: Write): NodeQueries {
  return {
    async drained() {
      const rows = await db.selectFrom('drained_nodes').selectAll().orderBy('name').execute()
      return rows.map(({ name, changed_by, why, at_ms }) => ({
        name,
        by: changed_by,
        why,
        atMs: at_ms,
      }))
    },
    drain: (name, { by, why, atMs }) =>
      write(async (transaction) => {
        await transaction.deleteFrom('drained_nodes').where('name', '=', name).execute()
        await transaction
          .insertInto('drained_nodes')
          .values({ name, changed_by: by, why, at_ms: atMs })
          .execute()
      }),
    restore: (name) =>
      write(async (transaction) => {
        await transaction.deleteFrom('drained_nodes').where('name', '=', name).execute()
      }),
  }
}
