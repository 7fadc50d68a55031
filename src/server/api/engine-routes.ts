import { engineList } from '../../contract/api.ts'
import type { ApiContext, Scope } from './context.ts'
import { errors } from './schemas.ts'

export function engineRoutes(scope: Scope, { engines }: ApiContext): void {
  scope.get(
    '/engines',
    {
      schema: {
        tags: ['engines'],
        summary: 'List engines, and which of them are installed where control runs',
        response: { 200: engineList, ...errors },
      },
    },
    async () => ({ engines: [...(await engines())] }),
  )
}
