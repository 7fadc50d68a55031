import { z } from 'zod'
import { rollbackInput, rolloutInput } from '../../contract/api.ts'
import { deploymentView, type DeploymentSpec } from '../../contract/deployment.ts'
import { runsAlike } from '../../contract/deployment-change.ts'
import { AppError } from '../../core/errors.ts'
import type { StoredDeployment } from '../../store/store.ts'
import type { ApiContext, Scope } from './context.ts'
import { errors } from './schemas.ts'

const nameParams = z.object({ name: z.string() })
const tags = ['deployments']

/** Going back, and taking a change that is under way by the hand. */
export function rolloutRoutes(scope: Scope, { registry, deployer, clock }: ApiContext): void {
  const storedOf = (name: string): StoredDeployment => registry.deployment(name) ?? notFound(name)
  const viewOf = (name: string): z.output<typeof deploymentView> =>
    deployer.deployments().find((one) => one.spec.name === name) ?? notFound(name)

  scope.post(
    '/deployments/:name/rollback',
    {
      schema: {
        tags,
        summary: 'Go back to an earlier revision',
        description:
          'Without a revision: to what serves while a change takes over, or else to what served before. How many replicas run stays as it is.',
        params: nameParams,
        body: rollbackInput,
        response: { 200: deploymentView, ...errors },
      },
    },
    async ({ params: { name }, body, by }) => {
      const stored = storedOf(name)
      const from = stored.rollout?.from
      const atMs = clock.nowMs()
      if (body.revision === undefined && from) {
        const why = body.why ?? `rolled back to revision ${from.revision}`
        await registry.rollBack(name, stored.revision, { by, why, atMs })
        return viewOf(name)
      }
      const { revision, spec } = await earlier(name, stored, body.revision)
      const { replicas, weight, priority } = stored.spec
      const why = body.why ?? `rolled back to revision ${revision}`
      const back = { ...spec, replicas, weight, priority }
      await registry.updateDeployment(back, { by, why, atMs }, stored.revision)
      return viewOf(name)
    },
  )
  scope.post(
    '/deployments/:name/rollout',
    {
      schema: {
        tags,
        summary: 'Promote, pause or resume a change that is taking over',
        params: nameParams,
        body: rolloutInput,
        response: { 200: deploymentView, ...errors },
      },
    },
    async ({ params: { name }, body: { action }, by }) => {
      const { spec, revision, rollout } = storedOf(name)
      if (!rollout)
        throw new AppError('deployment/conflict', {
          message: `no change of "${name}" is taking over`,
          hint: '`baleen history` shows what became of each.',
        })
      const { step, bakingSinceMs } = rollout
      const steps = spec.rollout.steps.length
      await registry.setProgress(
        name,
        revision,
        action === 'promote'
          ? { step: steps, bakingSinceMs: null, paused: null }
          : { step, bakingSinceMs, paused: action === 'pause' ? `by ${by}` : null },
      )
      return viewOf(name)
    },
  )

  /** The revision that is named, or the last one that served and ran otherwise than today's. */
  async function earlier(
    name: string,
    stored: StoredDeployment,
    revision: number | undefined,
  ): Promise<{ readonly revision: number; readonly spec: DeploymentSpec }> {
    const history = await registry.history(name)
    const found = history.find((one) =>
      revision === undefined
        ? one.revision < stored.revision &&
          one.spec !== null &&
          one.outcome?.kind !== 'rolled-back' &&
          one.outcome?.kind !== 'superseded' &&
          !runsAlike(one.spec, stored.spec)
        : one.revision === revision,
    )
    if (found?.spec) return { revision: found.revision, spec: found.spec }
    throw new AppError('deployment/no-revision', {
      message:
        revision === undefined
          ? `"${name}" has no earlier revision that ran otherwise`
          : found
            ? `revision ${revision} deleted "${name}": there is nothing to go back to`
            : `"${name}" has no revision ${revision}`,
      param: 'revision',
    })
  }
}

function notFound(name: string): never {
  throw new AppError('deployment/not-found', {
    message: `no deployment is named "${name}"`,
    param: 'name',
  })
}
