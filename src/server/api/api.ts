import swagger from '@fastify/swagger'
import { fastify, type FastifyInstance } from 'fastify'
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { AppError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { authenticate } from './authentication.ts'
import { deploymentRoutes } from './deployment-routes.ts'
import { withoutEmptyBodies } from './empty-bodies.ts'
import { engineRoutes } from './engine-routes.ts'
import { asApiError, sendError } from './errors.ts'
import { injectionRoutes } from './injection-routes.ts'
import { keyRoutes } from './key-routes.ts'
import { logRoutes } from './log-routes.ts'
import type { ApiContext } from './context.ts'
import { nodeRoutes } from './node-routes.ts'
import { rolloutRoutes } from './rollout-routes.ts'
import { registerSchemas } from './schemas.ts'
import { statusRoutes } from './status-routes.ts'
import { usageRoutes } from './usage-routes.ts'

export interface ApiDeps extends ApiContext {
  readonly adminToken: string
  readonly log: Log
  /** Prometheus text. */
  metrics(): Promise<string>
}

export type Api = FastifyInstance

const bodyLimit = 2 ** 20
/** A name that is longer is there no more than any other that nobody has. */
const maxParamLength = 1024

/** Control's REST API with its OpenAPI document, and beside it `/health` and `/metrics`. Not yet listening. */
export async function createApi(deps: ApiDeps): Promise<Api> {
  const app = fastify({
    bodyLimit,
    forceCloseConnections: true,
    routerOptions: { maxParamLength },
    // What the router refuses before there is a route.
    frameworkErrors: (thrown, _, reply) => void sendError(reply, asApiError(thrown)),
  })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  const parseJson = app.getDefaultJsonParser('error', 'error')
  // Many clients announce JSON with every call; where there is no body it is as if they had not.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null, undefined) : parseJson(request, body as string, done),
  )
  app.setErrorHandler((thrown, request, reply) => {
    const error = asApiError(thrown)
    if (error.status >= 500)
      deps.log.error({ err: thrown, url: request.url }, `request failed: ${error.message}`)
    return sendError(reply, error)
  })
  app.setNotFoundHandler((request, reply) =>
    sendError(
      reply,
      new AppError('request/unknown-path', {
        message: `there is no ${request.method} ${request.url.split('?')[0]}`,
        hint: '/api/v1/openapi.json lists what there is.',
      }),
    ),
  )
  app.addHook('onRequest', async ({ hostname, socket }) => checkHost(hostname, socket.localAddress))

  registerSchemas()
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Baleen control API',
        version: '1',
        description: 'Deployments, replicas, keys and usage of one Baleen.',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => withoutEmptyBodies(jsonSchemaTransformObject(document)),
  })
  await app.register(async (open) => {
    open.get('/health', { schema: { hide: true } }, async () => ({ status: 'ok' }))
    open.get('/metrics', { schema: { hide: true } }, async (_, reply) =>
      reply.type('text/plain; version=0.0.4; charset=utf-8').send(await deps.metrics()),
    )
    open.get('/api/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  })
  await app.register(
    async (plain) => {
      const scope = plain.withTypeProvider<ZodTypeProvider>()
      scope.addHook('onRequest', async (request) => {
        request.by = authenticate(request.headers.authorization, {
          adminToken: deps.adminToken,
          keys: () => deps.registry.keys(),
          nowMs: () => deps.clock.nowMs(),
        })
      })
      scope.decorateRequest('by', '')
      deploymentRoutes(scope, deps)
      rolloutRoutes(scope, deps)
      nodeRoutes(scope, deps)
      engineRoutes(scope, deps)
      logRoutes(scope, deps)
      keyRoutes(scope, deps)
      usageRoutes(scope, deps)
      injectionRoutes(scope, deps)
      statusRoutes(scope, deps)
    },
    { prefix: '/api/v1' },
  )
  return app
}

/**
 * A page in a browser can point a name of its own at this machine and then call us as its own origin. The name that
 * it used gives it away.
 */
function checkHost(hostname: string, localAddress: string | undefined): void {
  const isLoopback = /^(?:::ffff:)?127\.|^::1$/.test(localAddress ?? '')
  const name = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  if (!isLoopback || name === 'localhost' || name === '::1' || /^127\.[\d.]+$/.test(name)) return
  throw new AppError('request/wrong-host', { message: `this is not ${hostname}` })
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks: `admin` or the id of an admin key. */
    by: string
  }
}
