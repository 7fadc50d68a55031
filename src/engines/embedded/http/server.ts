import { setTimeout as sleep } from 'node:timers/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { AppError, toAppError } from '../../../core/errors.ts'
import type { HealthAnswer } from '../health.ts'
import { readJson } from './body.ts'
import { handleChat } from './chat.ts'
import { sendJson } from './json.ts'
import { handleCompletions } from './completions.ts'
import { handleEmbeddings } from './embeddings.ts'
import { errorBody, errorHeaders } from './errors.ts'
import type { Handler, Serving } from './serving.ts'

export interface ServerDeps {
  health(): HealthAnswer
  /** Resolves once it is no longer loading, for whatever reason. */
  readonly settled: Promise<unknown>
  metrics(): Promise<string>
  /** Throws `engine/loading`, `engine/draining` or `engine/failed` where no request can be taken. */
  serving(): Serving
  /** What one request is served by. Absent: the same as all. */
  servingOf?(serving: Serving, body: unknown): Serving
  onUnexpected(error: AppError): void
}

const posts: Readonly<Record<string, Handler>> = {
  '/v1/chat/completions': handleChat,
  '/v1/completions': handleCompletions,
  '/v1/embeddings': handleEmbeddings,
}
const gets = ['/health', '/metrics', '/v1/models']

export interface EngineServer {
  readonly server: Server
  /** Resolves when no request is being answered; new ones may still come. */
  whenIdle(): Promise<void>
}

/** The HTTP face of one engine. Loopback only: keys, limits and routes are the gateway's. */
export function createEngineServer(deps: ServerDeps): EngineServer {
  let inFlight = 0
  const idle: (() => void)[] = []
  const server = createServer((incoming, response) => {
    inFlight++
    response.on('error', () => {})
    response.once('close', () => {
      inFlight--
      if (inFlight === 0) for (const resolve of idle.splice(0)) resolve()
    })
    answer(deps, incoming, response).catch((thrown: unknown) => {
      const error = toAppError(thrown)
      if (error.status >= 500 && error.status !== 503) deps.onUnexpected(error)
      refuse(incoming, response, error)
    })
  })
  // A stream may pause for as long as a prompt of others takes; the gateway has the time limits.
  server.requestTimeout = 0
  server.keepAliveTimeout = 75_000
  return {
    server,
    whenIdle: () =>
      inFlight === 0 ? Promise.resolve() : new Promise((resolve) => idle.push(resolve)),
  }
}

async function answer(
  deps: ServerDeps,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (incoming.url ?? '/').split('?', 1)[0] ?? '/'
  const handler = posts[path]
  if (handler) {
    if (incoming.method !== 'POST') throw wrongMethod(path, 'POST')
    const serving = deps.serving()
    const body = await readJson(incoming)
    return handler(deps.servingOf?.(serving, body) ?? serving, body, response)
  }
  if (!gets.includes(path))
    throw new AppError('request/unknown-path', { message: `there is no ${path}` })
  if (incoming.method !== 'GET' && incoming.method !== 'HEAD') throw wrongMethod(path, 'GET')
  if (path === '/health') {
    const waitMs = preferredWaitMs(incoming.headers.prefer)
    await Promise.race([deps.settled, sleep(waitMs, undefined, { ref: false })])
    const { status, body } = deps.health()
    return write(response, status, JSON.stringify(body), 'application/json')
  }
  if (path === '/metrics')
    return write(response, 200, await deps.metrics(), 'text/plain; version=0.0.4; charset=utf-8')
  sendJson(response, listModels(deps.serving()))
}

const waitMsMax = 10_000

/** `Prefer: wait=SECONDS` (RFC 7240): who waits for the model hears of it the moment it has loaded, without asking again. */
function preferredWaitMs(prefer: string | string[] | undefined): number {
  const seconds = Number(/(?:^|[,;\s])wait=(\d{1,3})(?:$|[,;\s])/.exec(String(prefer))?.[1] ?? 0)
  return Math.min(seconds * 1000, waitMsMax)
}

const startedS = Math.floor(Date.now() / 1000)

const listModels = ({ name, contextTokens }: Serving) => ({
  object: 'list',
  data: [
    {
      id: name,
      object: 'model',
      created: startedS,
      owned_by: 'baleen',
      max_model_len: contextTokens,
    },
  ],
})

function refuse(incoming: IncomingMessage, response: ServerResponse, error: AppError): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  // What is left of a refused body is not worth reading; a draining engine wants to be left alone.
  if (!incoming.complete || error.code === 'engine/draining')
    response.setHeader('connection', 'close')
  for (const [name, value] of Object.entries(errorHeaders(error))) response.setHeader(name, value)
  write(response, error.status, JSON.stringify(errorBody(error)), 'application/json')
}

function write(response: ServerResponse, status: number, text: string, type: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

const wrongMethod = (path: string, method: string): AppError =>
  new AppError('request/wrong-method', { message: `${path} wants ${method}` })
