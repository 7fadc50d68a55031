import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { config as configSchema, type ConfigInput } from '../../src/contract/config.ts'
import type { ChildMessage } from '../../src/contract/ipc.ts'
import type { Snapshot } from '../../src/contract/snapshot.ts'
import { bootEnvironment, childEnvironment } from '../../src/server/environment.ts'
import { findProcesses } from '../../src/server/process-table.ts'

const script = join(import.meta.dirname, '../fixtures/control-with-fake-engine.ts')
/** For conditions that a busy machine may take long to meet. */
export const wait = { timeout: 30_000, interval: 20 }
/** A deployment of the fake engine. */
export const ant = {
  name: 'ant',
  model: 'm',
  engine: 'fake',
  settings: { batchTokens: 32 },
} as const

export interface Running {
  readonly process: ChildProcess
  readonly messages: ChildMessage[]
  readonly api: (method: string, path: string, body?: unknown) => Promise<Response>
}

export interface World {
  readonly dataDirectory: string
  readonly start: (config?: ConfigInput) => Running
  readonly ready: (running: Running) => Promise<void>
  readonly snapshot: () => Snapshot
  readonly readyIds: (route?: string) => string[]
  readonly enginePids: () => number[]
}

/** A data directory in which control processes come and go. */
export function createWorld(environment: Record<string, string> = {}): World {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'baleen control-'))
  for (const folder of ['run', 'journal', 'logs', 'models']) mkdirSync(join(dataDirectory, folder))
  const enginePids = (): number[] =>
    findProcesses(dataDirectory)
      .filter(({ role }) => role === 'engine')
      .map(({ pid }) => pid)
      .toSorted((a, b) => a - b)
  const children: ChildProcess[] = []
  onTestFinished(async () => {
    for (const child of children) child.kill('SIGKILL')
    for (const pid of enginePids()) process.kill(pid, 'SIGKILL')
    await expect.poll(() => findProcesses(dataDirectory), wait).toEqual([])
    rmSync(dataDirectory, { recursive: true, force: true })
  })
  const readJson = <Shape>(...path: string[]): Shape =>
    JSON.parse(readFileSync(join(dataDirectory, ...path), 'utf8')) as Shape
  const snapshot = (): Snapshot => readJson('run', 'snapshot.json')

  return {
    dataDirectory,
    start(config = {}) {
      const boot = {
        role: 'control' as const,
        index: 0,
        gateways: 1,
        dataDirectory,
        config: configSchema.parse({ control: { port: 0 }, deployments: [ant], ...config }),
        gatewayUrl: 'http://127.0.0.1:8080',
      }
      const child = spawn(process.execPath, [script], {
        detached: true,
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        env: childEnvironment({
          ...bootEnvironment(boot),
          DATABASE_URL: undefined,
          ...environment,
        }),
      })
      children.push(child)
      const messages: ChildMessage[] = []
      child.on('message', (message) => void messages.push(message as ChildMessage))
      return {
        process: child,
        messages,
        api(method, path, body) {
          const { url } = readJson<{ url: string }>('run', 'control.json')
          const token = readFileSync(join(dataDirectory, 'admin.token'), 'utf8').trim()
          return fetch(`${url}/api/v1${path}`, {
            method,
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          })
        },
      }
    },
    async ready({ messages }) {
      await expect.poll(() => messages.some(({ type }) => type === 'ready'), wait).toBe(true)
    },
    snapshot,
    readyIds: (route = 'ant') =>
      snapshot()
        .routes.filter(({ name }) => name === route)
        .flatMap(({ targets }) => targets.flatMap(({ replicas }) => replicas.map(({ id }) => id))),
    enginePids,
  }
}
