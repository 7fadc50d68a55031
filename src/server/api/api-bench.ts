import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { DeploymentView, ReplicaView } from '../../contract/deployment.ts'
import { systemClock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import { silentLog } from '../../core/log.ts'
import { openSqliteStore } from '../../store/sqlite/sqlite.ts'
import type { Store } from '../../store/store.ts'
import { createRegistry, type Registry } from '../control/registry.ts'
import type { Node } from '../../core/node.ts'
import { createApi, type Api } from './api.ts'

/** The API over a store of its own and replicas that a test makes up. */
export interface Bench {
  readonly api: Api
  readonly store: Store
  readonly registry: Registry
  readonly replicas: ReplicaView[]
  readonly nodes: Node[]
  readonly logLines: Map<string, string[]>
  readonly ask: (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    options?: { body?: unknown; token?: string; headers?: Record<string, string> },
  ) => Promise<{ status: number; body: any; headers: Record<string, unknown> }>
}

export const adminToken = 'the-admin-token'

export async function bench(): Promise<Bench> {
  const directory = mkdtempSync(join(tmpdir(), 'baleen-api-'))
  const store = await openSqliteStore(join(directory, 'baleen.db'))
  const registry = await createRegistry(store)
  const replicas: ReplicaView[] = []
  const nodes: Node[] = []
  const logLines = new Map<string, string[]>()
  const api = await createApi({
    registry,
    deployer: {
      deployments: () =>
        registry.deployments().map((stored): DeploymentView => ({
          ...stored,
          replicas: replicas.filter((one) => one.deployment === stored.spec.name),
          updated: 0,
          failures: 0,
          rollout: null,
          preparation: null,
          warnings: [],
          status: '0 of 1 ready',
        })),
      replicas: () => replicas,
      nodes: () => nodes,
      lastEnded: () => null,
      retry: () => {},
    },
    requests: store.requests,
    injections: store.injections,
    logs: (id, { lines, follow, signal }) => {
      const known = logLines.get(id)
      if (!known) throw new AppError('replica/not-found', { message: id })
      return (async function* () {
        let next = Math.max(0, known.length - lines)
        do {
          yield* known.slice(next)
          next = known.length
          await delay(5)
        } while (follow && !signal.aborted)
      })()
    },
    kindOf: () => 'process',
    clock: systemClock,
    status: {
      version: '1.2.3',
      startedAtMs: 1,
      dataDirectory: directory,
      store: 'sqlite',
      gatewayUrl: 'http://127.0.0.1:8080',
      gateways: 2,
    },
    checkEngine: ({ engine }) => {
      if (engine !== 'embedded') throw new AppError('engine/unknown', { message: engine })
    },
    checkModel: async ({ model }) => {
      if (model === 'none')
        throw new AppError('model/not-found', { message: `no model "${model}"` })
    },
    engines: async () => [{ name: 'embedded', tasks: ['generate'], program: '/node' }],
    adminToken,
    log: silentLog,
    metrics: async () => 'up 1\n',
  })
  onTestFinished(async () => {
    await api.close()
    await store.close()
    rmSync(directory, { recursive: true })
  })
  const ask: Bench['ask'] = async (method, path, { body, token = adminToken, headers } = {}) => {
    const response = await api.inject({
      method,
      url: `/api/v1${path}`,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    })
    const text = response.body
    const isJson = String(response.headers['content-type']).includes('json')
    return {
      status: response.statusCode,
      body: isJson ? JSON.parse(text) : text,
      headers: response.headers,
    }
  }
  return { api, store, registry, replicas, nodes, logLines, ask }
}
