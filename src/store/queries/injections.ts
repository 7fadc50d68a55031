import { AppError } from '../../core/errors.ts'
import type { InjectionDocument, InjectionHead } from '../../contract/injection-head.ts'
import type { InjectionQueries } from '../store.ts'
import type { Database, Write } from './database.ts'

export function createInjectionQueries(db: Database, write: Write): InjectionQueries {
  return {
    keep: ({ head, document }) =>
      write(async (transaction) => {
        await transaction
          .insertInto('injections')
          .values({
            id: head.id,
            started_at_ms: Date.parse(head.startedAt),
            head: JSON.stringify(head),
            document: JSON.stringify(document),
          })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .execute()
      }),
    async list({ limit }) {
      const rows = await db
        .selectFrom('injections')
        .select('head')
        .orderBy('started_at_ms', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(({ head }) => JSON.parse(head) as InjectionHead)
    },
    async get(id) {
      const row = await db
        .selectFrom('injections')
        .select('document')
        .where('id', '=', id)
        .executeTakeFirst()
      if (row) return JSON.parse(row.document) as InjectionDocument
      throw notFound(id)
    },
    remove: (id) =>
      write(async (transaction) => {
        const { numDeletedRows } = await transaction
          .deleteFrom('injections')
          .where('id', '=', id)
          .executeTakeFirst()
        if (numDeletedRows === 0n) throw notFound(id)
      }),
  }
}

const notFound = (id: string): AppError =>
  new AppError('injection/not-found', { message: `no injection "${id}" is kept` })
