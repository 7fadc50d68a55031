import { statusView } from '../../contract/api.ts'
import type { ApiContext, Scope } from './context.ts'
import { errors } from './schemas.ts'

export function statusRoutes(scope: Scope, { status, deployer }: ApiContext): void {
  scope.get(
    '/status',
    {
      schema: {
        tags: ['status'],
        summary: 'What runs here',
        response: { 200: statusView, ...errors },
      },
    },
    async () => ({ ...status, deployments: [...deployer.deployments()] }),
  )
}
