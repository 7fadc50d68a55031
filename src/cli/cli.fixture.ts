import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import {
  deploymentSpec,
  type DeploymentSpec,
  type DeploymentView,
  type ReplicaView,
} from '../contract/deployment.ts'
import { readEnvironment } from '../server/environment.ts'
import { startTimeOf } from '../server/process-table.ts'
import { run } from './run.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly variables?: Record<string, string>
  readonly stdin?: string
  /** A person sits there. */
  readonly isTerminal?: boolean
  readonly interrupt?: AbortSignal
  readonly onOutput?: (stdout: string) => void
}

/** Runs one command line without a process. */
export async function runCommand(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  const code = await run(argv, {
    environment: readEnvironment({ HOME: '/nonexistent', ...options.variables }),
    workingDirectory: tmpdir(),
    stdin: Object.assign(Readable.from(options.stdin === undefined ? [] : [options.stdin]), {
      isTTY: options.isTerminal ?? false,
    }),
    stdout: {
      write(text: string) {
        stdout += text
        options.onOutput?.(stdout)
      },
    },
    stderr: { write: (text: string) => (stderr += text) },
    interrupt: options.interrupt ?? new AbortController().signal,
    interruptAgain: new AbortController().signal,
  })
  return { code, stdout, stderr }
}

type Handler = (request: IncomingMessage, body: unknown, response: ServerResponse) => unknown

export interface FakeControl {
  readonly url: string
  readonly token: string
  /** A data directory whose records and token lead to this server. */
  readonly dataDirectory: string
  /** `METHOD /path` → what it answers; a value becomes JSON, undefined means that the handler answered. */
  readonly routes: Map<string, Handler>
  readonly calls: { method: string; path: string; body: unknown }[]
  close(): Promise<void>
}

/** A control that answers what a test tells it to. Without the token it says 401. */
export async function startFakeControl(): Promise<FakeControl> {
  const token = 'admin-token-of-the-test'
  const routes = new Map<string, Handler>()
  const calls: FakeControl['calls'] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const path = request.url ?? ''
    const method = request.method ?? ''
    calls.push({ method, path, body })
    const handler = routes.get(`${method} ${path}`) ?? routes.get(`${method} ${path.split('?')[0]}`)
    if (request.headers.authorization !== `Bearer ${token}`)
      return fail(response, 401, 'key/unknown', 'no such key')
    if (!handler) return fail(response, 404, 'request/unknown-path', `nothing at ${path}`)
    const answer = await handler(request, body, response)
    if (answer !== undefined) response.end(JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const dataDirectory = mkdtempSync(join(tmpdir(), 'baleen cli '))
  mkdirSync(join(dataDirectory, 'run'))
  const record = JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid), url })
  for (const role of ['control', 'supervisor'])
    writeFileSync(join(dataDirectory, 'run', `${role}.json`), record)
  writeFileSync(join(dataDirectory, 'admin.token'), `${token}\n`)
  return {
    url,
    token,
    dataDirectory,
    routes,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export function fail(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
): void {
  response.statusCode = status
  response.end(JSON.stringify({ error: { message, type: 'x', param: null, code } }))
}

export function deploymentOf(
  spec: Partial<DeploymentSpec> & { name: string },
  replicas: readonly Partial<ReplicaView>[] = [],
  status = '',
  more: Partial<DeploymentView> = {},
): DeploymentView {
  return {
    spec: {
      ...deploymentSpec.parse({ model: 'bundled:minimind2-small', name: spec.name }),
      ...spec,
    },
    revision: 1,
    createdAtMs: Date.now() - 5_430_000,
    updatedAtMs: Date.now(),
    replicas: replicas.map((replica, index) => ({
      id: `${spec.name}-${index}`,
      deployment: spec.name,
      state: 'ready',
      reason: 'ready',
      pid: 1,
      url: 'http://127.0.0.1:1',
      node: null,
      devices: [],
      revision: 1,
      startedAtMs: 0,
      restarts: 0,
      load: null,
      ...replica,
    })),
    updated: replicas.filter(({ state }) => (state ?? 'ready') === 'ready').length,
    failures: 0,
    rollout: null,
    preparation: null,
    warnings: [],
    status,
    ...more,
  }
}
