import { z } from 'zod'
import {
  keyCreated,
  keyInput,
  keyList,
  keyPatch,
  keyView,
  type KeyView,
} from '../../contract/api.ts'
import type { StoredKey } from '../../store/store.ts'
import { createApiKey } from '../control/api-key.ts'
import type { ApiContext, Scope } from './context.ts'
import { errors } from './schemas.ts'

const idParams = z.object({ id: z.string() })
const tags = ['keys']

export function keyRoutes(scope: Scope, { registry, clock }: ApiContext): void {
  scope.get(
    '/keys',
    { schema: { tags, summary: 'List keys', response: { 200: keyList, ...errors } } },
    async () => ({ keys: registry.keys().map(view) }),
  )
  scope.post(
    '/keys',
    {
      schema: {
        tags,
        summary: 'Create a key: the only answer that holds it',
        body: keyInput,
        response: { 201: keyCreated, ...errors },
      },
    },
    async ({ body }, reply) => {
      const { key, stored } = createApiKey(body, clock.nowMs())
      await registry.createKey(stored)
      return reply.code(201).send({ key, view: view(stored) })
    },
  )
  scope.patch(
    '/keys/:id',
    {
      schema: {
        tags,
        summary: 'Change what a key may do; what is left out stays',
        params: idParams,
        body: keyPatch,
        response: { 200: keyView, ...errors },
      },
    },
    async ({ params, body }) => view(await registry.updateKey(params.id, body)),
  )
  scope.delete(
    '/keys/:id',
    {
      schema: {
        tags,
        summary: 'Delete a key',
        params: idParams,
        response: { 204: z.void(), ...errors },
      },
    },
    async ({ params }, reply) => {
      await registry.removeKey(params.id)
      return reply.code(204).send()
    },
  )
}

const view = (key: StoredKey): KeyView => ({
  id: key.id,
  name: key.name,
  prefix: key.prefix,
  routes: key.routes && [...key.routes],
  requestsPerMinute: key.requestsPerMinute,
  tokensPerMinute: key.tokensPerMinute,
  expiresAtMs: key.expiresAtMs,
  isAdmin: key.isAdmin,
  createdAtMs: key.createdAtMs,
})
