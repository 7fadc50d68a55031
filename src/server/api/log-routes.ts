import { pipeline } from 'node:stream'
import { z } from 'zod'
import { logQuery } from '../../contract/api.ts'
import type { ApiContext, Scope } from './context.ts'
import { streamLogs } from './log-stream.ts'
import { errors } from './schemas.ts'

/** `/replicas/NAME/logs` is the same under the name that a reader of the other paths expects. */
const paths = ['/logs/:name', '/replicas/:name/logs']

export function logRoutes(scope: Scope, context: ApiContext): void {
  for (const path of paths)
    scope.get(
      path,
      {
        schema: {
          tags: ['logs'],
          summary: 'Log lines of a replica, or of all replicas of a deployment, as text',
          description: 'With `follow=true` the answer goes on until the client ends it.',
          params: z.object({ name: z.string() }),
          querystring: logQuery,
          response: errors,
        },
      },
      async ({ params, query }, reply) => {
        const lines = streamLogs(params.name, query, context)
        reply.hijack()
        // At once: a follower of a silent engine shall know that it is connected.
        reply.raw.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).flushHeaders()
        pipeline(lines, reply.raw, () => {})
      },
    )
}
