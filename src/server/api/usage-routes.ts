import { requestList, requestsQuery, usageList, usageQuery } from '../../contract/api.ts'
import type { ApiContext, Scope } from './context.ts'
import { errors } from './schemas.ts'

const tags = ['usage']

export function usageRoutes(scope: Scope, { requests, clock }: ApiContext): void {
  scope.get(
    '/usage',
    {
      schema: {
        tags,
        summary: 'Requests and tokens, summed by key, route or deployment',
        querystring: usageQuery,
        response: { 200: usageList, ...errors },
      },
    },
    async ({ query: { by, sinceMs, untilMs = clock.nowMs() + 1 } }) => ({
      usage: [...(await requests.usage({ by, sinceMs, untilMs }))],
    }),
  )
  scope.get(
    '/requests',
    {
      schema: {
        tags,
        summary: 'Finished requests, newest first',
        querystring: requestsQuery,
        response: { 200: requestList, ...errors },
      },
    },
    async ({ query }) => ({ requests: [...(await requests.recent(query))] }),
  )
}
