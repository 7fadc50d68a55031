import { sql } from 'kysely'
import type { RequestTable } from '../schema.ts'
import type { RequestQueries, StoredRequest } from '../store.ts'
import type { Database, Write } from './database.ts'

/** PostgreSQL takes at most 65,535 parameters in a statement, SQLite 32,766. */
const rowsPerStatement = 1000

const groupColumns = { key: 'key_id', route: 'route', deployment: 'deployment' } as const

export function createRequestQueries(db: Database, write: Write): RequestQueries {
  return {
    replay: (requests, { file, offset }) =>
      write(async (transaction) => {
        for (let at = 0; at < requests.length; at += rowsPerStatement)
          await transaction
            .insertInto('requests')
            .values(requests.slice(at, at + rowsPerStatement).map(toRow))
            .onConflict((conflict) => conflict.column('id').doNothing())
            .execute()
        await transaction
          .insertInto('journal_offsets')
          .values({ file, offset_bytes: offset })
          .onConflict((conflict) => conflict.column('file').doUpdateSet({ offset_bytes: offset }))
          .execute()
      }),
    async journalOffsets() {
      const rows = await db.selectFrom('journal_offsets').selectAll().execute()
      return rows.map((row) => ({ file: row.file, offset: row.offset_bytes }))
    },
    async forgetJournal(file) {
      await db.deleteFrom('journal_offsets').where('file', '=', file).execute()
    },
    async recent({ limit, route }) {
      const rows = await db
        .selectFrom('requests')
        .selectAll()
        .$if(route !== undefined, (query) => query.where('route', '=', route ?? ''))
        .orderBy('at_ms', 'desc')
        .orderBy('id')
        .limit(limit)
        .execute()
      return rows.map(toRequest)
    },
    async usage({ by, sinceMs, untilMs }) {
      const column = groupColumns[by]
      const rows = await db
        .selectFrom('requests')
        .select((expression) => [
          expression.fn.coalesce(expression.ref(column), sql<string>`''`).as('group'),
          expression.fn.countAll<number>().as('requests'),
          sum(sql`case when outcome in ('failed', 'timeout') then 1 else 0 end`).as('failed'),
          sum(sql.ref('prompt_tokens')).as('promptTokens'),
          sum(sql.ref('completion_tokens')).as('completionTokens'),
          sum(sql.ref('cached_tokens')).as('cachedTokens'),
        ])
        .where('at_ms', '>=', sinceMs)
        .where('at_ms', '<', untilMs)
        .groupBy(column)
        .orderBy('requests', 'desc')
        .orderBy('group')
        .execute()
      return rows
    },
  }
}

/** PostgreSQL sums bigints to `numeric`, which leaves the driver as text: back to an integer. */
const sum = (value: ReturnType<typeof sql>) => sql<number>`cast(sum(${value}) as bigint)`

const toRow = (request: StoredRequest): RequestTable => ({
  id: request.id,
  client_id: request.clientId,
  at_ms: request.atMs,
  key_id: request.key,
  route: request.route,
  endpoint: request.endpoint,
  stream: request.stream ? 1 : 0,
  deployment: request.deployment,
  replica: request.replica,
  outcome: request.outcome,
  status: request.status,
  error: request.error,
  prompt_tokens: request.promptTokens,
  completion_tokens: request.completionTokens,
  cached_tokens: request.cachedTokens,
  is_estimated: request.isEstimated ? 1 : 0,
  ttft_ms: request.ttftMs,
  e2e_ms: request.e2eMs,
  hold_ms: request.holdMs,
  itl_ms_mean: request.itlMsMean,
  attempts: request.attempts,
  request_bytes: request.requestBytes,
  response_bytes: request.responseBytes,
})

const toRequest = (row: RequestTable): StoredRequest => ({
  id: row.id,
  clientId: row.client_id,
  atMs: row.at_ms,
  key: row.key_id,
  route: row.route,
  endpoint: row.endpoint,
  stream: row.stream === 1,
  deployment: row.deployment,
  replica: row.replica,
  outcome: row.outcome,
  status: row.status,
  error: row.error,
  promptTokens: row.prompt_tokens,
  completionTokens: row.completion_tokens,
  cachedTokens: row.cached_tokens,
  isEstimated: row.is_estimated === 1,
  ttftMs: row.ttft_ms,
  e2eMs: row.e2e_ms,
  holdMs: row.hold_ms,
  itlMsMean: row.itl_ms_mean,
  attempts: row.attempts,
  requestBytes: row.request_bytes,
  responseBytes: row.response_bytes,
})
