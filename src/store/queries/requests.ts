import { sql } from 'kysely'
import type { RequestTable, UsageHourTable } from '../schema.ts'
import type { RequestQueries, StoredRequest } from '../store.ts'
import type { Database, Write } from './database.ts'

/** PostgreSQL takes at most 65,535 parameters in a statement, SQLite 32,766. */
const rowsPerStatement = 1000

const hourMs = 3_600_000

const groupColumns = { key: 'key_id', route: 'route', deployment: 'deployment' } as const

export function createRequestQueries(db: Database, write: Write): RequestQueries {
  return {
    replay: (requests, { file, offset }) =>
      write(async (transaction) => {
        for (let at = 0; at < requests.length; at += rowsPerStatement)
          await insert(transaction, requests.slice(at, at + rowsPerStatement))
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
      return db
        .selectFrom('usage_hours')
        .select([
          `${column} as group`,
          sum('requests').as('requests'),
          sum('failed').as('failed'),
          sum('prompt_tokens').as('promptTokens'),
          sum('completion_tokens').as('completionTokens'),
          sum('cached_tokens').as('cachedTokens'),
        ])
        .where('hour_ms', '>=', hourOf(sinceMs))
        .where('hour_ms', '<', untilMs)
        .groupBy(column)
        .orderBy('requests', 'desc')
        .orderBy('group')
        .execute()
    },
  }
}

/** Those that were not there before also count into their hour. */
async function insert(db: Database, requests: readonly StoredRequest[]): Promise<void> {
  const inserted = await db
    .insertInto('requests')
    .values(requests.map(toRow))
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .execute()
  const ids = new Set(inserted.map(({ id }) => id))
  // Of lines that name the same request the first one is the one that was stored.
  const fresh = requests.filter(({ id }) => ids.delete(id))
  if (fresh.length === 0) return
  await db
    .insertInto('usage_hours')
    .values(hoursOf(fresh))
    .onConflict((conflict) =>
      conflict.columns(['hour_ms', 'key_id', 'route', 'deployment']).doUpdateSet({
        requests: added('requests'),
        failed: added('failed'),
        prompt_tokens: added('prompt_tokens'),
        completion_tokens: added('completion_tokens'),
        cached_tokens: added('cached_tokens'),
      }),
    )
    .execute()
}

function hoursOf(requests: readonly StoredRequest[]): UsageHourTable[] {
  const hours = new Map<string, UsageHourTable>()
  for (const { atMs, key, route, deployment, outcome, ...tokens } of requests) {
    const place = {
      hour_ms: hourOf(atMs),
      key_id: key,
      route,
      deployment: deployment ?? '',
    }
    const name = JSON.stringify(place)
    const before = hours.get(name)
    hours.set(name, {
      ...place,
      requests: (before?.requests ?? 0) + 1,
      failed: (before?.failed ?? 0) + Number(outcome === 'failed' || outcome === 'timeout'),
      prompt_tokens: (before?.prompt_tokens ?? 0) + tokens.promptTokens,
      completion_tokens: (before?.completion_tokens ?? 0) + tokens.completionTokens,
      cached_tokens: (before?.cached_tokens ?? 0) + tokens.cachedTokens,
    })
  }
  return [...hours.values()]
}

type Count = 'requests' | 'failed' | 'prompt_tokens' | 'completion_tokens' | 'cached_tokens'

const added = (count: Count) =>
  sql<number>`${sql.ref(`usage_hours.${count}`)} + ${sql.ref(`excluded.${count}`)}`

/** PostgreSQL sums bigints to `numeric`, which leaves the driver as text: back to an integer. */
const sum = (count: Count) => sql<number>`cast(sum(${sql.ref(count)}) as bigint)`

const hourOf = (atMs: number): number => Math.floor(atMs / hourMs) * hourMs

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
