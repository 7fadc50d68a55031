import { z } from 'zod'
import {
  injectionDocument,
  injectionHead,
  injectionId,
  injectionList,
} from '../../contract/injection-head.ts'
import { AppError } from '../../core/errors.ts'
import { headOf } from '../../injector/policy/head-of.ts'
import type { ApiContext, Scope } from './context.ts'
import { errors } from './schemas.ts'

const idParams = z.object({ id: injectionId })
const tags = ['injections']
/** A report has a line for every second of its run. */
const bodyLimit = 32 * 2 ** 20
/** Described in docs/guides/inject.md; checked whole when it comes in. */
const document = z.looseObject({ kind: z.string(), version: z.int(), id: z.string() })

export function injectionRoutes(scope: Scope, { injections }: ApiContext): void {
  scope.get(
    '/injections',
    {
      schema: {
        tags,
        summary: 'Kept injections, newest first',
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(10_000).default(100),
        }),
        response: { 200: injectionList, ...errors },
      },
    },
    async ({ query }) => ({ injections: [...(await injections.list(query))] }),
  )
  scope.get(
    '/injections/:id',
    {
      schema: {
        tags,
        summary: 'The report of an injection, or the result of a sweep or comparison',
        params: idParams,
        response: { 200: document, ...errors },
      },
    },
    ({ params }) => injections.get(params.id),
  )
  scope.put(
    '/injections/:id',
    {
      bodyLimit,
      schema: {
        tags,
        summary: 'Keep an injection; one that is kept already stays as it is',
        params: idParams,
        body: document,
        response: { 200: injectionHead, ...errors },
      },
    },
    async ({ params, body }) => {
      const parsed = injectionDocument.safeParse(body)
      if (!parsed.success || parsed.data.id !== params.id)
        throw new AppError('injection/bad-data', {
          message: parsed.success
            ? `the document is of ${parsed.data.id}, not ${params.id}`
            : z.prettifyError(parsed.error),
          hint: 'docs/guides/inject.md tells where such documents come from.',
        })
      const head = headOf(parsed.data)
      await injections.keep({ head, document: parsed.data })
      return head
    },
  )
  scope.delete(
    '/injections/:id',
    {
      schema: {
        tags,
        summary: 'Forget an injection',
        params: idParams,
        response: { 204: z.void(), ...errors },
      },
    },
    async ({ params }, reply) => {
      await injections.remove(params.id)
      return reply.code(204).send()
    },
  )
}
