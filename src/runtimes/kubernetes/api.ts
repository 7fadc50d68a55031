import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { HttpMethod, KubeConfig, RequestContext } from '@kubernetes/client-node'
import { fetch, type Response } from 'undici'
import { AppError } from '../../core/errors.ts'
import { fieldManager } from './names.ts'
import type { Manifest } from './workload.ts'

/** A JSON object as the server keeps it. */
export interface ApiObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: ObjectMetadata
}

export interface ObjectMetadata {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface Page<T> {
  readonly items: readonly T[]
  readonly resourceVersion: string
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: T
}

/** The few calls that a runtime needs, on any kind of object. JSON in and out, as the API has it. */
export interface KubernetesApi {
  /** Server-side apply: fields left out that were ours are removed, those of others stay. */
  apply<T extends ApiObject>(manifest: Manifest): Promise<T>
  /** Null: it is not there. */
  read<T extends ApiObject>(path: string): Promise<T | null>
  list<T extends ApiObject>(path: string, query?: Query): Promise<Page<T>>
  /** Ends when the server closes the watch, which it does every few minutes. Throws `Gone` where it has to start anew. */
  watch<T extends ApiObject>(
    path: string,
    query: Query,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>
  /** One that is not there is as good as deleted. */
  remove(path: string, options?: DeleteOptions): Promise<void>
  /** Lines. Null: there is none (any more). */
  log(path: string, query: Query, signal: AbortSignal): Promise<AsyncIterable<string> | null>
}

export type Query = Readonly<Record<string, string | number | boolean>>

interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Foreground' | 'Background'
}

/** What was watched is too old to go on from. */
export class Gone extends Error {}

const timeoutMs = 30_000
const pageSize = 500
/** A server that has too much to do says so and when to come again. */
const triesMax = 4
const waitMaxMs = 10_000

/** Throws `runtime/unreachable` where there is no such context or the server can't be reached. */
export function connect(from: { kubeconfig?: string | undefined; context?: string | undefined }) {
  const config = new KubeConfig()
  try {
    if (from.kubeconfig === undefined) config.loadFromDefault()
    else config.loadFromFile(from.kubeconfig)
  } catch (thrown) {
    throw unreachable(`the kubeconfig can't be read: ${(thrown as Error).message}`, thrown)
  }
  if (from.context !== undefined) {
    const known = config.getContexts().map((one) => one.name)
    if (!known.includes(from.context))
      throw unreachable(
        `the kubeconfig has no context "${from.context}"; it has: ${known.join(', ') || 'none'}`,
      )
    config.setCurrentContext(from.context)
  }
  return createApi(config)
}

function createApi(config: KubeConfig): KubernetesApi {
  const server = config.getCurrentCluster()?.server
  if (server === undefined) throw unreachable('the kubeconfig names no cluster')

  const send = async (
    method: HttpMethod,
    path: string,
    options: SendOptions,
  ): Promise<Response> => {
    const url = new URL(server + path)
    for (const [name, value] of Object.entries(options.query ?? {}))
      url.searchParams.set(name, String(value))
    const context = new RequestContext(url.toString(), method)
    const deadline = AbortSignal.timeout(options.timeoutMs ?? timeoutMs)
    const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline
    try {
      await config.applySecurityAuthentication(context)
      const dispatcher = context.getDispatcher()
      return await fetch(url, {
        method,
        headers: {
          ...context.getHeaders(),
          accept: 'application/json',
          ...(options.body === undefined ? {} : { 'content-type': options.contentType ?? json }),
        },
        ...(options.body === undefined ? {} : { body: options.body }),
        ...(dispatcher ? { dispatcher } : {}),
        signal,
      })
    } catch (thrown) {
      if (options.signal?.aborted) throw thrown
      const cause = (thrown as Error).cause
      const message = cause instanceof Error ? cause.message : (thrown as Error).message
      throw unreachable(`${url.host} can't be reached: ${message}`, thrown)
    }
  }
  const ask = async (
    method: HttpMethod,
    path: string,
    options: SendOptions = {},
  ): Promise<Response> => {
    for (let tries = 1; ; tries++) {
      const response = await send(method, path, options)
      const isBusy = response.status === 429 || response.status === 503
      if (!isBusy || tries === triesMax) return response
      const afterS = Number(response.headers.get('retry-after')) || tries
      await response.body?.cancel()
      await new Promise((resolve) => setTimeout(resolve, Math.min(afterS * 1000, waitMaxMs)))
    }
  }

  return {
    async apply<T extends ApiObject>(manifest: Manifest) {
      const response = await ask(HttpMethod.PATCH, pathOf(manifest), {
        query: { fieldManager, force: true, fieldValidation: 'Strict' },
        contentType: 'application/apply-patch+yaml',
        body: JSON.stringify(manifest),
      })
      if (!response.ok) throw await refusal(response, `${manifest.kind} ${manifest.metadata.name}`)
      return (await response.json()) as T
    },
    async read<T extends ApiObject>(path: string) {
      const response = await ask(HttpMethod.GET, path)
      if (response.status === 404) return discard(response)
      if (!response.ok) throw await refusal(response, path)
      return (await response.json()) as T
    },
    async list<T extends ApiObject>(path: string, query: Query = {}) {
      const items: T[] = []
      let next: Query = {}
      for (;;) {
        const response = await ask(HttpMethod.GET, path, {
          query: { limit: pageSize, ...query, ...next },
        })
        if (!response.ok) throw await refusal(response, path)
        const page = (await response.json()) as {
          items: T[] | null
          metadata: { resourceVersion: string; continue?: string }
        }
        items.push(...(page.items ?? []))
        if (!page.metadata.continue)
          return { items, resourceVersion: page.metadata.resourceVersion }
        next = { continue: page.metadata.continue }
      }
    },
    async *watch<T extends ApiObject>(path: string, query: Query, signal: AbortSignal) {
      const response = await ask(HttpMethod.GET, path, {
        query: { ...query, watch: true, allowWatchBookmarks: true },
        timeoutMs: watchMs * 2,
        signal,
      })
      if (response.status === 410) throw new Gone(path)
      if (!response.ok) throw await refusal(response, path)
      for await (const line of linesOf(response)) {
        const event = JSON.parse(line) as WatchEvent<T>
        if (event.type === 'ERROR') {
          const status = event.object as unknown as Status
          if (status.code === 410) throw new Gone(path)
          throw refused(path, status)
        }
        yield event
      }
    },
    async remove(path, options = {}) {
      const response = await ask(HttpMethod.DELETE, path, {
        body: JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', ...options }),
      })
      if (response.ok || response.status === 404) return void (await discard(response))
      throw await refusal(response, path)
    },
    async log(path, query, signal) {
      const response = await ask(HttpMethod.GET, `${path}/log`, {
        query,
        timeoutMs: query['follow'] === true ? dayMs : timeoutMs,
        signal,
      })
      // 400: the container has not been started.
      if (response.status === 404 || response.status === 400) return discard(response)
      if (!response.ok) throw await refusal(response, path)
      return linesOf(response)
    },
  }
}

const json = 'application/json'
const dayMs = 86_400_000
/** The server ends a watch itself, after this long at the latest. */
export const watchMs = 290_000

interface SendOptions {
  readonly query?: Query
  readonly body?: string
  readonly contentType?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

interface Status {
  readonly code?: number
  readonly message?: string
  readonly reason?: string
}

const plurals: Readonly<Record<string, string>> = {
  Deployment: 'deployments',
  LeaderWorkerSet: 'leaderworkersets',
  Service: 'services',
  PodDisruptionBudget: 'poddisruptionbudgets',
  ConfigMap: 'configmaps',
}

/** Where the API keeps objects of a kind. */
export function collectionOf(apiVersion: string, kind: string, namespace: string): string {
  const root = apiVersion.includes('/') ? 'apis' : 'api'
  return `/${root}/${apiVersion}/namespaces/${namespace}/${plurals[kind] ?? `${kind.toLowerCase()}s`}`
}

const pathOf = ({ apiVersion, kind, metadata }: Manifest): string =>
  `${collectionOf(apiVersion, kind, metadata.namespace)}/${metadata.name}`

async function* linesOf(response: Response): AsyncIterable<string> {
  if (!response.body) return
  const body = Readable.fromWeb(response.body)
  try {
    for await (const line of createInterface({ input: body })) if (line !== '') yield line
  } catch (thrown) {
    if ((thrown as Error).name !== 'AbortError') throw thrown
  } finally {
    body.destroy()
  }
}

async function discard(response: Response): Promise<null> {
  await response.body?.cancel()
  return null
}

async function refusal(response: Response, what: string): Promise<AppError> {
  const text = await response.text()
  try {
    return refused(what, { code: response.status, ...(JSON.parse(text) as Status) })
  } catch {
    return refused(what, { code: response.status, message: text.slice(0, 300) })
  }
}

const hints: Readonly<Record<number, string>> = {
  401: 'Check the credentials of the kubeconfig’s user.',
  403: 'Give the account the role that docs/guides/kubernetes.md lists.',
  404: 'Create the namespace, or install what the kind needs (LeaderWorkerSet).',
}

function refused(what: string, { code = 500, message = '' }: Status): AppError {
  const hint = hints[code]
  return new AppError('runtime/refused', {
    message: `the cluster refuses ${what} (${code}): ${message}`,
    ...(hint === undefined ? {} : { hint }),
  })
}

const unreachable = (message: string, cause?: unknown): AppError =>
  new AppError('runtime/unreachable', { message, cause })
