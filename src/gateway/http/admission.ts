import type { Endpoint } from '../../contract/journal.ts'
import type { SnapshotKey } from '../../contract/snapshot.ts'
import type { Limits } from '../policy/lease.ts'
import type { RouteTable } from '../route-table.ts'
import type { Shell } from '../shell.ts'
import { reject, type Rejection } from './rejection.ts'
import { shorten } from './request-check.ts'

/** Where a request goes at an engine: the same path as it came by. */
export const paths = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
  embeddings: '/v1/embeddings',
} as const satisfies Record<Endpoint, string>

/** Why nothing new is taken at the moment. */
export function refuseForNow(shell: Shell): Rejection | null {
  const { isDraining, journal, shedding, random } = shell
  if (isDraining)
    return reject('gateway/draining', 'This gateway is shutting down.', { retryAfterMs: 500 })
  if (!journal.isWorking)
    return reject('gateway/journal-unavailable', 'Usage cannot be recorded at the moment.', {
      retryAfterMs: 2000,
    })
  if (shedding.share > 0 && random() < shedding.share)
    return reject('gateway/overloaded', 'The gateway is overloaded.', { retryAfterMs: 1000 })
  return null
}

/** Why this key can't use that model here. */
export function refuseRoute(
  table: RouteTable,
  key: SnapshotKey,
  endpoint: Endpoint,
  model: string,
): Rejection | null {
  const route = table.routes.get(model)
  const detail = { param: 'model' }
  if (!route)
    return reject(
      'gateway/unknown-model',
      `The model \`${shorten(model)}\` does not exist or you do not have access to it.`,
      detail,
    )
  if (key.routes !== null && !key.routes.includes(model))
    return reject('key/forbidden', `This key may not use the model \`${model}\`.`, detail)
  const task = endpoint === 'embeddings' ? 'embed' : 'generate'
  if (route.task === task) return null
  const message = `The model \`${model}\` is not made for ${paths[endpoint]}.`
  return reject('gateway/wrong-task', message, detail)
}

/** A request that the limit can never hold, however long it waits. */
export const refuseTooLarge = (tokensPerMinute: number, tokens: number): Rejection =>
  reject(
    'limit/tokens',
    `Request too large: the key's limit is ${tokensPerMinute} tokens per minute, this request may need ${tokens}.`,
    { shouldRetry: false },
  )

export function refuseLimit(
  side: 'requests' | 'tokens',
  limits: Limits,
  retryAfterMs: number,
): Rejection {
  const limit = side === 'requests' ? limits.requestsPerMinute : limits.tokensPerMinute
  return reject(
    side === 'requests' ? 'limit/requests' : 'limit/tokens',
    `Rate limit reached for this key: ${limit} ${side} per minute. Please try again in ${Math.ceil(retryAfterMs / 1000)}s.`,
    { retryAfterMs },
  )
}

/** Why no replica took it. */
export function refuseNotReady(
  table: RouteTable,
  model: string | null,
  shouldRetry: boolean | null,
): Rejection {
  const detail = { retryAfterMs: 2000, shouldRetry }
  if (model === null || !table.isLoaded)
    return reject('gateway/no-ready-replica', 'The platform is starting.', detail)
  const route = table.routes.get(model)
  const why = !route
    ? 'it was taken away'
    : route.unread !== null
      ? `nothing reads its prompts: ${route.unread}`
      : route.replicas.length > 0
        ? 'its replicas do not answer'
        : route.reason
  return reject('gateway/no-ready-replica', `The model \`${model}\` is not ready: ${why}.`, detail)
}
