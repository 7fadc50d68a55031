import { createHash } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { config, type ConfigInput } from '../../src/contract/config.ts'
import type { JournalClose, JournalOpen, JournalRecord } from '../../src/contract/journal.ts'
import type {
  Snapshot,
  SnapshotKey,
  SnapshotRoute,
  SnapshotTarget,
} from '../../src/contract/snapshot.ts'
import { silentLog, type Log } from '../../src/core/log.ts'
import { pairings } from '../../src/engines/pairings.ts'
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts'
import { createLimitAuthority, type Outgoing } from '../../src/gateway/policy/limit-authority.ts'

/** Accepted by every gateway that is started here, without limits. */
export const key = 'bln_test_key'

export interface StartedGateway {
  readonly url: string
  readonly port: number
  readonly directory: string
  readonly gateway: Gateway
  readonly refused: readonly string[]
  /** Routes that control was asked to start. */
  readonly woken: readonly string[]
  /** Replaces the snapshot as control does. */
  publish(world: World): void
  post(path: string, body: unknown, options?: PostOptions): Promise<Response>
  /** What the journal holds now. */
  records(): JournalRecord[]
  closes(): JournalClose[]
  opens(): JournalOpen[]
  close(): Promise<void>
}

export interface World {
  /** Route name → replica URLs; `embed:` before the name makes it an embedding route. */
  readonly routes?: Readonly<Record<string, readonly string[]>>
  readonly keys?: readonly (Partial<SnapshotKey> & { readonly secret: string })[]
  readonly servedName?: string
  readonly reason?: string
  /** By route: who reads prompts for its replicas. */
  readonly prefill?: Readonly<
    Record<string, { readonly protocol: string; readonly urls: readonly string[] }>
  >
  /** The new revision's share and cohort, with replicas of its own, in front of the routes' others. */
  readonly canary?: Pick<SnapshotTarget, 'weight' | 'cohort'> & { readonly urls: readonly string[] }
  readonly wakeMs?: number
  readonly lost?: readonly string[]
  readonly ended?: readonly string[]
}

interface PostOptions {
  readonly key?: string | null
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

/** A gateway in this process, with its own limit authority in place of a supervisor. */
export async function startGateway(
  world: World | null,
  options: {
    config?: ConfigInput['gateway']
    bodySilenceMs?: number
    heartbeatMs?: number
    /** Prompts go to it. */
    log?: Log
  } = {},
): Promise<StartedGateway> {
  const directory = createDataDirectory()
  if (world) publish(directory, world)
  const authority = createLimitAuthority()
  const nowMs = () => performance.timeOrigin + performance.now()
  const deliver = (outgoing: Outgoing[]) => {
    for (const { message } of outgoing) setImmediate(() => gateway.receive(message))
  }
  const refused: string[] = []
  const woken: string[] = []
  const gateway: Gateway = createGateway(
    {
      index: 0,
      gateways: 1,
      dataDirectory: directory,
      startedAtMs: Date.now(),
      shedsLoad: false,
      config: config.parse({ gateway: { port: 0, ...options.config } }).gateway,
      ...(options.bodySilenceMs === undefined ? {} : { bodySilenceMs: options.bodySilenceMs }),
      ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
      logsPrompts: options.log !== undefined,
    },
    {
      log: options.log ?? silentLog,
      meter: { finished: () => {}, refused: (code) => void refused.push(code) },
      pages: {
        metrics: () => Promise.resolve({ type: 'text/plain', text: 'a_metric 1\n' }),
        metricsNeedKey: false,
      },
      pairings,
      sendToSupervisor: (message) => {
        if (message.type === 'wake') return void woken.push(message.route)
        deliver(
          message.type === 'limit-ask'
            ? authority.ask(0, message, nowMs())
            : authority.giveBack(0, message, nowMs()),
        )
      },
    },
  )
  const port = await gateway.listen()
  const url = `http://127.0.0.1:${port}`
  const records = () => readJournal(directory)
  return {
    url,
    port,
    directory,
    gateway,
    refused,
    woken,
    publish: (changed) => publish(directory, changed),
    post: (path, body, { key: secret = key, headers = {}, signal } = {}) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
          ...headers,
        },
        body:
          typeof body === 'string' || body instanceof Uint8Array
            ? Buffer.from(body)
            : JSON.stringify(body),
        ...(signal ? { signal } : {}),
      }),
    records,
    closes: () => records().filter((record) => record.t === 'close'),
    opens: () => records().filter((record) => record.t === 'open'),
    async close() {
      await gateway.drain(0)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export function createDataDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'baleen gateway '))
  for (const folder of ['run', 'journal']) mkdirSync(join(directory, folder))
  return directory
}

const prefillOf = ({
  protocol,
  urls,
}: NonNullable<World['prefill']>[string]): NonNullable<SnapshotTarget['prefill']> => ({
  protocol,
  reason: 'the reason',
  groups:
    urls.length === 0
      ? []
      : [
          {
            deployment: 'reads',
            weight: 1,
            replicas: urls.map((url) => ({
              id: `reads-${new URL(url).port}`,
              url,
              servedName: null,
            })),
          },
        ],
})

let versions = 0
export function publish(directory: string, world: World): void {
  const path = join(directory, 'run', 'snapshot.json')
  writeFileSync(`${path}.new`, JSON.stringify(snapshotOf(world)))
  renameSync(`${path}.new`, path)
}

function snapshotOf(world: World): Snapshot {
  const keys = [{ secret: key }, ...(world.keys ?? [])].map(
    ({ secret, ...rest }, index): SnapshotKey => ({
      id: `key_${index}`,
      hash: createHash('sha256').update(secret).digest('hex'),
      name: 'test',
      routes: null,
      requestsPerMinute: null,
      tokensPerMinute: null,
      expiresAtMs: null,
      ...rest,
    }),
  )
  const { canary, lost = [], ended = [] } = world
  const target = (urls: readonly string[]): SnapshotTarget => ({
    deployment: 'ant',
    weight: 1,
    reason: world.reason ?? '',
    replicas: urls.map((url) => ({
      id: `ant-${new URL(url).port}`,
      url,
      servedName: world.servedName ?? null,
    })),
  })
  const routes = Object.entries(world.routes ?? {}).map(([name, urls]): SnapshotRoute => {
    const isEmbedding = name.startsWith('embed:')
    return {
      name: isEmbedding ? name.slice(6) : name,
      task: isEmbedding ? 'embed' : 'generate',
      createdS: 1_700_000_000,
      ...(world.wakeMs === undefined ? {} : { wakeMs: world.wakeMs }),
      targets: [
        ...(canary ? [{ ...target(canary.urls), ...canary }] : []),
        {
          ...target(urls),
          weight: 1 - (canary?.weight ?? 0),
          ...(world.prefill?.[name] ? { prefill: prefillOf(world.prefill[name]) } : {}),
        },
      ],
    }
  })
  return { version: ++versions, createdAtMs: Date.now(), keys, routes, lost, ended }
}

export function readJournal(directory: string): JournalRecord[] {
  const folder = join(directory, 'journal')
  return readdirSync(folder)
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1))
    .map((line) => JSON.parse(line) as JournalRecord)
}

/** Polls until true, with patience for a busy machine. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs
  while (!(await isTrue())) {
    if (Date.now() > deadlineMs) throw new Error(`still not so after ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const chat = (more: object = {}) => ({
  model: 'ant',
  messages: [{ role: 'user', content: 'hi' }],
  ...more,
})
export const chatPath = '/v1/chat/completions'
