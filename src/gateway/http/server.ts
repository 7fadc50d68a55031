import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Endpoint } from '../../contract/journal.ts'
import type { Shell } from '../shell.ts'
import { authenticate } from './authenticate.ts'
import { answerModel, answerModels } from './models.ts'
import { Intake } from './intake.ts'
import { refuse } from './refuse.ts'
import { errorJson, reject, statusOf, type Rejection } from './rejection.ts'
import { isRejection } from './request-check.ts'
import { chooseRequestId, createRequestId } from './request-id.ts'

export interface PublicPages {
  /** Prometheus text of all gateways of the machine. */
  metrics(): Promise<{ readonly type: string; readonly text: string }>
  /** Where others than this machine can connect, metrics need a key. */
  readonly metricsNeedKey: boolean
}

const headerBytesMax = 32 * 2 ** 10
const headersTimeoutMs = 60_000
/** Longer than the idle timeout of common load balancers (60 s), so that they close first. */
const keepAliveMs = 75_000

/** The port that clients talk to. */
export function createGatewayServer(shell: Shell, pages: PublicPages): Server {
  const server = createServer({
    maxHeaderSize: headerBytesMax,
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    noDelay: true,
    // Refused below, in the form of every other error.
    requireHostHeader: false,
  })
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    // Nothing is lost by a client that is gone, and nothing may fall over it.
    response.on('error', ignore)
    try {
      route(shell, pages, request, response)
    } catch (thrown) {
      shell.log.error({ err: thrown }, 'a request failed in the gateway itself')
      response.destroy()
    }
  }
  server.on('request', handle)
  server.on('checkContinue', handle)
  server.on('checkExpectation', handle)
  server.on('clientError', (error, socket) => answerRaw(error, socket as Socket))
  return server
}

function ignore(): void {}

function route(
  shell: Shell,
  pages: PublicPages,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (shell.isDraining) response.shouldKeepAlive = false
  if (request.headers.host === undefined && request.httpVersionMinor > 0)
    return refuseEarly(shell, request, response, reject('request/invalid', noHost))
  const url = request.url ?? '/'
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const endpoint = endpoints.get(path)
  if (endpoint !== undefined) {
    if (request.method !== 'POST') return refuseMethod(shell, request, response, 'POST')
    return new Intake(shell, request, response, endpoint).start()
  }
  const isModels = path === '/v1/models' || path.startsWith('/v1/models/')
  const isPage = isModels || path === '/health' || path === '/metrics'
  if (!isPage) {
    const message = `Invalid URL (${request.method} ${path.slice(0, 200)})`
    return refuseEarly(shell, request, response, reject('request/unknown-path', message))
  }
  // Node leaves out the body of an answer to HEAD.
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return refuseMethod(shell, request, response, 'GET, HEAD')
  if (path === '/health') return answerHealth(shell, response)
  const needsKey = path !== '/metrics' || pages.metricsNeedKey
  const key = needsKey ? authenticate(request.headers.authorization, shell) : null
  if (isRejection(key)) return refuseEarly(shell, request, response, key)
  if (path === '/metrics') return void answerMetrics(shell, pages, response)
  const name = path.slice('/v1/models/'.length)
  const answer =
    path === '/v1/models' || name === ''
      ? answerModels(shell.table, key)
      : answerModel(shell.table, key, name)
  if (isRejection(answer)) return refuseEarly(shell, request, response, answer)
  response.setHeader('x-request-id', idOf(request))
  sendJson(response, 200, answer)
}

const endpoints: ReadonlyMap<string, Endpoint> = new Map([
  ['/v1/chat/completions', 'chat'],
  ['/v1/completions', 'completions'],
  ['/v1/embeddings', 'embeddings'],
])

function answerHealth(shell: Shell, response: ServerResponse): void {
  const { isDraining, journal, table } = shell
  const trouble = isDraining
    ? 'draining'
    : !table.isLoaded
      ? 'starting'
      : !journal.isWorking
        ? 'usage cannot be recorded'
        : null
  sendJson(response, trouble === null ? 200 : 503, JSON.stringify({ status: trouble ?? 'ok' }))
}

async function answerMetrics(
  shell: Shell,
  pages: PublicPages,
  response: ServerResponse,
): Promise<void> {
  try {
    const { type, text } = await pages.metrics()
    send(response, 200, type, text)
  } catch (thrown) {
    shell.log.error({ err: thrown }, 'metrics could not be put together')
    response.destroy()
  }
}

function refuseMethod(
  shell: Shell,
  request: IncomingMessage,
  response: ServerResponse,
  allowed: string,
): void {
  response.setHeader('allow', allowed)
  const message = `Not allowed to ${request.method} on ${(request.url ?? '/').slice(0, 200)}.`
  const detail = { apiCode: 'method_not_supported' }
  refuseEarly(shell, request, response, reject('request/wrong-method', message, detail))
}

function refuseEarly(
  shell: Shell,
  request: IncomingMessage,
  response: ServerResponse,
  rejection: Rejection,
): void {
  shell.meter.refused(rejection.code, null)
  refuse(request, response, shell.wheel, rejection, ['x-request-id', idOf(request)])
}

const noHost = 'The request has no Host header, which HTTP/1.1 wants.'

const idOf = (request: IncomingMessage): string =>
  chooseRequestId(request.headers['x-request-id']) ?? createRequestId()

const sendJson = (response: ServerResponse, status: number, body: string): void =>
  send(response, status, 'application/json', body)

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, ['content-type', type, 'content-length', `${Buffer.byteLength(body)}`])
  response.end(body)
}

/** What the HTTP parser could not read gets an answer by hand, then the connection ends. */
function answerRaw(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const rejection = rejectRaw(error.code)
  const body = errorJson(rejection)
  const status = statusOf(rejection)
  socket.end(
    `HTTP/1.1 ${status} ${reasons[status]}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    // Whatever else the client sends is not waited for.
    () => socket.destroy(),
  )
}

function rejectRaw(code: string | undefined): Rejection {
  if (code === 'HPE_HEADER_OVERFLOW')
    return reject('request/headers-too-large', 'The request headers are too large.')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return reject('request/too-slow', 'The request came too slowly.')
  return reject('request/invalid', 'The request is not valid HTTP/1.1.')
}

const reasons: Record<number, string> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
}
