import { sameValue } from '../../core/same-value.ts'
import { z } from 'zod'
import {
  changeQuery,
  deploymentList,
  replicaList,
  revisionList,
  scaleInput,
} from '../../contract/api.ts'
import { deploymentSpec, deploymentView, type DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import type { Change } from '../../store/store.ts'
import { checkRoute } from './check-route.ts'
import type { ApiContext, Scope } from './context.ts'
import { errors } from './schemas.ts'

const nameParams = z.object({ name: z.string() })
const tags = ['deployments']

export function deploymentRoutes(scope: Scope, context: ApiContext): void {
  const { registry, deployer, clock } = context
  const viewOf = (name: string): z.output<typeof deploymentView> =>
    deployer.deployments().find((one) => one.spec.name === name) ?? notFound(name)
  const change = (by: string, why: string): Change => ({ by, why, atMs: clock.nowMs() })

  const check = async (spec: DeploymentSpec): Promise<void> => {
    context.checkEngine(spec)
    checkRoute(
      spec,
      registry.deployments().map((one) => one.spec),
    )
    const known = registry.deployment(spec.name)
    const same = (['model', 'task', 'engine', 'hardware'] as const).every(
      (name) => known?.spec[name] === spec[name],
    )
    if (!same) await context.checkModel(spec)
  }

  scope.get(
    '/deployments',
    { schema: { tags, summary: 'List deployments', response: { 200: deploymentList, ...errors } } },
    async () => ({ deployments: [...deployer.deployments()] }),
  )
  scope.post(
    '/deployments',
    {
      schema: {
        tags,
        summary: 'Create a deployment',
        body: deploymentSpec,
        response: { 201: deploymentView, ...errors },
      },
    },
    async ({ body, by }, reply) => {
      await check(body)
      await registry.createDeployment(body, change(by, 'created'))
      return reply.code(201).send(viewOf(body.name))
    },
  )
  scope.get(
    '/deployments/:name',
    {
      schema: {
        tags,
        summary: 'Read a deployment',
        params: nameParams,
        response: { 200: deploymentView, ...errors },
      },
    },
    async ({ params }) => viewOf(params.name),
  )
  scope.put(
    '/deployments/:name',
    {
      schema: {
        tags,
        summary: 'Create a deployment or replace what it asks for',
        description: 'With `if-match: REVISION` only where that is still the current revision.',
        params: nameParams,
        headers: z.object({ 'if-match': z.coerce.number().int().optional() }),
        querystring: changeQuery,
        body: deploymentSpec,
        response: { 200: deploymentView, 201: deploymentView, ...errors },
      },
    },
    async ({ params, body, headers, query, by }, reply) => {
      if (body.name !== params.name)
        throw new AppError('request/invalid', {
          message: `the body names "${body.name}", the path "${params.name}"`,
          param: 'name',
        })
      await check(body)
      const ifRevision = headers['if-match'] ?? null
      const stored = registry.deployment(body.name)
      const isSeen = ifRevision === null || ifRevision === stored?.revision
      // Asked for again, it is no change: nobody finds a revision that differs in nothing.
      if (stored && isSeen && sameValue(stored.spec, body)) {
        if (query.retry) deployer.retry(body.name)
        return viewOf(body.name)
      }
      const isNew = ifRevision === null && !stored
      const why = query.why ?? (isNew ? 'created' : 'replaced')
      if (isNew) await registry.createDeployment(body, change(by, why))
      else await registry.updateDeployment(body, change(by, why), ifRevision)
      return reply.code(isNew ? 201 : 200).send(viewOf(body.name))
    },
  )
  scope.delete(
    '/deployments/:name',
    {
      schema: {
        tags,
        summary: 'Delete a deployment: its replicas finish what they have and end',
        params: nameParams,
        response: { 204: z.void(), ...errors },
      },
    },
    async ({ params, by }, reply) => {
      await registry.removeDeployment(params.name, change(by, 'deleted'))
      return reply.code(204).send()
    },
  )
  scope.post(
    '/deployments/:name/scale',
    {
      schema: {
        tags,
        summary: 'Set the number of replicas',
        params: nameParams,
        body: scaleInput,
        response: { 200: deploymentView, ...errors },
      },
    },
    async ({ params, body, by }) => {
      const stored = registry.deployment(params.name) ?? notFound(params.name)
      const why = `scaled from ${stored.spec.replicas} to ${body.replicas}`
      const spec = { ...stored.spec, replicas: body.replicas }
      await registry.updateDeployment(spec, change(by, why), stored.revision)
      return viewOf(params.name)
    },
  )
  scope.get(
    '/deployments/:name/revisions',
    {
      schema: {
        tags,
        summary: 'Who changed a deployment, when and why; newest first',
        params: nameParams,
        response: { 200: revisionList, ...errors },
      },
    },
    async ({ params }) => {
      const revisions = await registry.history(params.name)
      return revisions.length > 0 ? { revisions: [...revisions] } : notFound(params.name)
    },
  )
  scope.get(
    '/replicas',
    { schema: { tags, summary: 'List replicas', response: { 200: replicaList, ...errors } } },
    async () => ({ replicas: [...deployer.replicas()] }),
  )
}

function notFound(name: string): never {
  throw new AppError('deployment/not-found', {
    message: `no deployment is named "${name}"`,
    param: 'name',
  })
}
