import { request } from 'undici'
import { AppError } from '../../core/errors.ts'
import type { ServeDetails } from './serve-config.ts'

/** A node as Ray's state API tells of it. */
export interface RayNode {
  readonly node_id: string
  readonly node_ip: string
  readonly node_name: string
  readonly state: string
  readonly state_message: string | null
  readonly resources_total: Readonly<Record<string, number>>
  readonly labels?: Readonly<Record<string, string>>
}

/** The HTTP API of a Ray cluster's dashboard. */
export interface Dashboard {
  serve(): Promise<ServeDetails>
  /** Replaces everything that was declared. */
  putServe(config: object): Promise<void>
  nodes(): Promise<readonly RayNode[]>
  /** `HOST:PORT` of what has a metrics page: each node, and parts of Ray itself. */
  metricsTargets(): Promise<readonly string[]>
  /** Last lines of a log file. Null: there is none. */
  log(nodeId: string, file: string, lines: number): Promise<readonly string[] | null>
}

const timeoutMs = 20_000
/** So long a controller that was there may be away, being started anew. */
const silenceMs = 60_000
/** The first one starts Serve itself. */
const putTimeoutMs = 120_000

export function connectDashboard(address: string, token: string | null): Dashboard {
  const base = address.replace(/\/+$/, '')
  let seenAtMs = -Infinity
  /**
   * A controller that can't be asked looks like a cluster without Serve. Taken for one, all that it runs would count as
   * lost, and the next change would write it out of the configuration, others' applications too.
   */
  const refuseSilence = (hasController: boolean): void => {
    if (hasController) seenAtMs = performance.now()
    else if (performance.now() - seenAtMs < silenceMs)
      throw new AppError('runtime/unreachable', {
        message: `Ray at ${base} says nothing of its Serve controller, which was there a moment ago`,
      })
  }
  // Not `fetch`: it says `sec-fetch-mode`, which Ray takes for a browser, whose changes it refuses.
  const ask = async (path: string, init: { method?: 'PUT'; body?: string } = {}) => {
    const headers = {
      ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === null ? {} : { 'x-ray-authorization': `Bearer ${token}` }),
    }
    const limit = init.method === 'PUT' ? putTimeoutMs : timeoutMs
    try {
      const signal = AbortSignal.timeout(limit)
      const { statusCode, body } = await request(base + path, { ...init, headers, signal })
      const text = await body.text()
      return { status: statusCode, isFine: statusCode >= 200 && statusCode < 300, text }
    } catch (thrown) {
      const { message } = thrown as Error
      throw new AppError('runtime/unreachable', {
        message: `Ray at ${base} can't be reached: ${message}`,
        cause: thrown,
      })
    }
  }
  const json = async <T>(path: string): Promise<T> => {
    const { status, isFine, text } = await ask(path)
    if (!isFine) throw refused(path, status, text)
    return JSON.parse(text) as T
  }
  return {
    // The slash at the end matters.
    serve: async () => {
      const details = await json<Partial<ServeDetails>>('/api/serve/applications/')
      refuseSilence(details.controller_info?.actor_id != null)
      return { ...details, applications: details.applications ?? {} }
    },
    async putServe(config) {
      const body = JSON.stringify(config)
      const { status, isFine, text } = await ask('/api/serve/applications/', {
        method: 'PUT',
        body,
      })
      if (!isFine) throw refused('the configuration', status, text)
    },
    async nodes() {
      const path = '/api/v0/nodes?detail=1&limit=10000'
      const { data } = await json<{ data: { result: { result: RayNode[] } } }>(path)
      return data.result.result
    },
    async metricsTargets() {
      const groups = await json<{ targets: string[] }[]>('/api/prometheus/sd')
      return groups.flatMap(({ targets }) => targets)
    },
    async log(nodeId, file, lines) {
      const query = new URLSearchParams({ node_id: nodeId, filename: file, lines: String(lines) })
      const { isFine, text } = await ask(`/api/v0/logs/file?${query.toString()}`)
      return isFine ? text.split('\n').filter((line) => line !== '') : null
    },
  }
}

/** Serve answers with a traceback; its last line is what a person needs. */
function refused(what: string, status: number, text: string): AppError {
  const last = text.trimEnd().split('\n').at(-1) ?? ''
  return new AppError('runtime/refused', {
    message: `Ray refuses ${what} (${status}): ${last.slice(0, 500)}`,
  })
}
