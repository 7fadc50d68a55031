import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import * as answers from './fake-answers.ts'

/** How the fake behaves. Every field may be changed while it runs, through `behaviour`. */
export interface FakeBehaviour {
  /** What it "generates", one string a token. */
  tokens: readonly string[]
  /** Between tokens. */
  delayMs: number
  /** Before the response head. */
  headDelayMs: number
  /** Before the first token, after the head of a stream. */
  firstTokenDelayMs: number
  model: string
  health: 'loading' | 'ready' | 'failed'
  /** Answers every /v1 POST with this instead. */
  refusal: { status: number; headers?: Record<string, string>; body?: string } | null
  /** Destroys the socket after so many tokens; 0: before the response head. */
  breakAfterTokens: number | null
  /** Falls silent for ever after so many tokens; 0: before the response head. */
  stallAfterTokens: number | null
  embeddingDimensions: number
  cachedTokens: number
}

/** One POST as the fake saw it. */
export interface FakeRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly bodyText: string
  /** Parsed body; undefined where it was not JSON. */
  readonly body: answers.FakeBody | undefined
  tokensSent: number
  state: 'running' | 'finished' | 'aborted'
}

export interface FakeEngine {
  readonly url: string
  readonly port: number
  readonly requests: readonly FakeRequest[]
  readonly behaviour: FakeBehaviour
  /** Ends it as a crash would: every socket is destroyed. */
  close(): Promise<void>
}

const defaults: FakeBehaviour = {
  tokens: ['Hello', ' from', ' a', ' fake', ' engine', '.'],
  delayMs: 0,
  headDelayMs: 0,
  firstTokenDelayMs: 0,
  model: 'fake',
  health: 'ready',
  refusal: null,
  breakAfterTokens: null,
  stallAfterTokens: null,
  embeddingDimensions: 8,
  cachedTokens: 0,
}

/** An engine in this process, with scripted tokens in place of a model: endpoints and metrics are the real ones. */
export async function startFakeEngine(
  options: Partial<FakeBehaviour> & { port?: number } = {},
): Promise<FakeEngine> {
  const { port = 0, ...changes } = options
  const behaviour: FakeBehaviour = { ...defaults, ...changes }
  const requests: FakeRequest[] = []
  const server = createServer((incoming, response) => {
    response.on('error', () => {})
    handle(incoming, response, behaviour, requests).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    requests,
    behaviour,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function handle(
  incoming: IncomingMessage,
  response: ServerResponse,
  behaviour: FakeBehaviour,
  requests: FakeRequest[],
): Promise<void> {
  const path = incoming.url ?? '/'
  if (incoming.method === 'GET') {
    if (path === '/health') return send(response, ...answers.health(behaviour.health))
    if (path === '/metrics') return send(response, 200, answers.metrics(requests), 'text/plain')
    if (path === '/v1/models') return send(response, 200, answers.models(behaviour.model))
    return send(response, 404, answers.error(404, `no such path: ${path}`))
  }
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const bodyText = Buffer.concat(chunks).toString()
  const request: FakeRequest = {
    path,
    headers: incoming.headers,
    bodyText,
    body: answers.parseBody(bodyText),
    tokensSent: 0,
    state: 'running',
  }
  requests.push(request)
  response.on('close', () => {
    request.state = response.writableFinished ? 'finished' : 'aborted'
  })
  await answer(request, response, behaviour)
}

async function answer(
  request: FakeRequest,
  response: ServerResponse,
  behaviour: FakeBehaviour,
): Promise<void> {
  const { refusal } = behaviour
  if (behaviour.headDelayMs > 0) await sleep(behaviour.headDelayMs)
  if (refusal) {
    response.writeHead(refusal.status, { 'content-type': 'application/json', ...refusal.headers })
    return void response.end(refusal.body ?? answers.error(refusal.status, 'refused'))
  }
  if (!request.body) return send(response, 400, answers.error(400, 'the body is not a JSON object'))
  if (request.path === '/v1/embeddings')
    return send(response, 200, answers.embeddings(request.body, behaviour))
  if (request.path !== '/v1/chat/completions' && request.path !== '/v1/completions')
    return send(response, 404, answers.error(404, `no such path: ${request.path}`))
  await generate(request, request.body, response, behaviour)
}

async function generate(
  request: FakeRequest,
  body: answers.FakeBody,
  response: ServerResponse,
  behaviour: FakeBehaviour,
): Promise<void> {
  const script = answers.createScript(request.path, body, behaviour)
  const isStream = body.stream === true
  if (behaviour.breakAfterTokens === 0) return void response.destroy()
  if (behaviour.stallAfterTokens === 0) return
  if (isStream) {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
    })
    response.flushHeaders()
    for (const frame of script.opening) response.write(frame)
  }
  if (behaviour.firstTokenDelayMs > 0) await sleep(behaviour.firstTokenDelayMs)
  for (const token of script.tokens) {
    if (request.tokensSent > 0 && behaviour.delayMs > 0) await sleep(behaviour.delayMs)
    if (response.destroyed) return
    if (isStream) response.write(script.frame(token))
    request.tokensSent++
    if (request.tokensSent === behaviour.breakAfterTokens) return void response.destroy()
    if (request.tokensSent === behaviour.stallAfterTokens) return
  }
  if (!isStream) return send(response, 200, script.whole)
  response.end(script.closing.join(''))
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'application/json',
): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  })
  response.end(body)
}
