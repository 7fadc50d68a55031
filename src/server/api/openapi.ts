import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/log.ts'
import { createApi } from './api.ts'

/** The OpenAPI document of control's API, without a control. */
export async function openApiDocument(): Promise<object> {
  const never = (): never => {
    throw new Error('only described, never called')
  }
  const api = await createApi({
    registry: {} as never,
    deployer: {
      deployments: never,
      replicas: never,
      nodes: never,
      lastEnded: never,
      retry: never,
    },
    kindOf: never,
    requests: { recent: never, usage: never },
    injections: { keep: never, list: never, get: never, remove: never },
    logs: never,
    clock: systemClock,
    status: {} as never,
    checkEngine: never,
    checkModel: never,
    engines: never,
    adminToken: '',
    log: silentLog,
    metrics: never,
  })
  await api.ready()
  const document = api.swagger()
  await api.close()
  return document
}
