import type { Kysely } from 'kysely'
import type { Schema } from '../schema.ts'

export type Database = Kysely<Schema>

/** Runs the work as one transaction. */
export type Write = <Result>(work: (transaction: Database) => Promise<Result>) => Promise<Result>

/** Writes one after another, so that what a transaction has read stays true until it commits, on either database. */
export function createWrite(db: Database): Write {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const current = last.then(() => db.transaction().execute(work))
    last = current.catch(() => {})
    return current
  }
}

/** The next number of a table that is listed in the order of creation. One control writes, so no two get the same. */
export async function nextPosition(db: Database, table: 'deployments' | 'keys'): Promise<number> {
  const row = await db
    .selectFrom(table)
    .select(({ fn }) => fn.max('position').as('last'))
    .executeTakeFirst()
  return (row?.last ?? 0) + 1
}
