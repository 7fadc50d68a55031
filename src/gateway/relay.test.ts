import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import {
  startFakeEngine,
  type FakeBehaviour,
  type FakeEngine,
} from '../engines/fake/fake-engine.ts'
import {
  chat,
  chatPath,
  startGateway,
  until,
  type StartedGateway,
  type World,
} from '../../test/support/gateway.ts'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

async function engine(behaviour: Partial<FakeBehaviour> = {}): Promise<FakeEngine> {
  const started = await startFakeEngine(behaviour)
  opened.push(started)
  return started
}

async function gateway(world: World, config = {}): Promise<StartedGateway> {
  const started = await startGateway(world, { config })
  opened.push(started)
  return started
}

/** An engine of bare bytes: answers each request with what it is given, in these pieces. */
async function rawEngine(respond: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', () => respond(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.push({
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const framesOf = (text: string) =>
  text
    .split('\n\n')
    .filter((frame) => frame.startsWith('data: {'))
    .map(
      (frame) =>
        JSON.parse(frame.slice(6)) as {
          choices: unknown[]
          usage?: unknown
          error?: { code: string }
        },
    )

describe('a whole answer', () => {
  it('comes from below the path of a replica’s URL', async () => {
    const asked: string[] = []
    const server = createHttpServer((request, response) => {
      asked.push(request.url ?? '')
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end('{"choices":[]}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    opened.push(server)
    const { port } = server.address() as AddressInfo
    const started = await gateway({ routes: { ant: [`http://127.0.0.1:${port}/ant-1`] } })
    expect((await started.post(chatPath, chat())).status).toBe(200)
    expect(asked).toEqual([`/ant-1${chatPath}`])
  })

  it('is the engine’s, byte by byte, with the platform’s headers', async () => {
    const ant = await engine()
    const started = await gateway({ routes: { ant: [ant.url] } })
    const response = await started.post(chatPath, chat())
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      choices: [{ message: { content: 'Hello from a fake engine.' } }],
    })
    const { headers } = response
    expect(headers.get('content-length')).toMatch(/^\d+$/)
    expect(headers.get('x-request-id')).toMatch(/^req_\w{20,}$/)
    expect(headers.get('x-baleen-replica')).toBe(`ant-${ant.port}`)
    expect(headers.get('x-baleen-attempts')).toBe('1')
    expect(headers.get('openai-processing-ms')).toMatch(/^\d+$/)
    expect(headers.get('server-timing')).toContain('upstream;dur=')
    expect(headers.get('x-ratelimit-limit-requests')).toBeNull()
    expect(ant.requests[0]?.headers['x-request-id']).toBe(headers.get('x-request-id'))
    expect(ant.requests[0]?.headers.authorization).toBeUndefined()
  })

  it('was forwarded as the client wrote it, but for the name the engine knows', async () => {
    const ant = await engine()
    const started = await gateway({ routes: { ant: [ant.url] }, servedName: '/models/ant.gguf' })
    const body =
      '{ "model":"ant",  "messages":[{"role":"user","content":"\\u0041"}], "top_k": 1e1 }'
    await (
      await started.post(chatPath, body, { headers: { 'x-request-id': 'mine-1' } })
    ).arrayBuffer()
    expect(ant.requests[0]?.bodyText).toBe(body.replace('"ant"', '"/models/ant.gguf"'))
    expect(ant.requests[0]?.headers['x-request-id']).toBe('mine-1')
  })

  it('has its usage in the journal before it arrives', async () => {
    const ant = await engine({ cachedTokens: 1 })
    const started = await gateway({ routes: { ant: [ant.url], 'embed:bee': [ant.url] } })
    const response = await started.post(chatPath, chat(), { headers: { 'x-request-id': 'mine-2' } })
    await response.arrayBuffer()
    expect(started.opens()).toHaveLength(1)
    expect(started.closes()).toMatchObject([
      {
        endpoint: 'chat',
        route: 'ant',
        key: 'key_0',
        deployment: 'ant',
        replica: `ant-${ant.port}`,
        outcome: 'ok',
        status: 200,
        clientId: 'mine-2',
        completionTokens: 6,
        cachedTokens: 1,
        isEstimated: false,
        attempts: 1,
        ttftMs: null,
      },
    ])
    expect(response.headers.get('x-request-id')).toBe('mine-2')
    expect(started.closes()[0]?.id).toBe(started.opens()[0]?.id)
    await (await started.post('/v1/embeddings', { model: 'bee', input: 'one two' })).arrayBuffer()
    expect(started.closes()[1]).toMatchObject({
      endpoint: 'embeddings',
      promptTokens: 2,
      completionTokens: 0,
    })
  })
})

describe('a stream', () => {
  it('comes token by token, and its usage is metered but not shown', async () => {
    const ant = await engine()
    const started = await gateway({ routes: { ant: [ant.url] } })
    const response = await started.post(chatPath, chat({ stream: true }))
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    expect(response.headers.get('content-length')).toBeNull()
    const text = await response.text()
    expect(text).toMatch(/data: \[DONE\]\n\n$/)
    expect(framesOf(text).every(({ choices }) => choices.length === 1)).toBe(true)
    expect(ant.requests[0]?.body?.stream_options).toEqual({ include_usage: true })
    expect(started.closes()).toMatchObject([
      { stream: true, outcome: 'ok', completionTokens: 6, isEstimated: false },
    ])
    const [close] = started.closes()
    expect(close?.ttftMs).toBeGreaterThan(0)
    expect(close?.itlMsMean).toBeGreaterThanOrEqual(0)
  })

  it('shows the usage to a client that asked for it', async () => {
    const ant = await engine()
    const started = await gateway({ routes: { ant: [ant.url] } })
    const options = { stream: true, stream_options: { include_usage: true } }
    const text = await (await started.post(chatPath, chat(options))).text()
    expect(framesOf(text).at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 6 } })
  })

  it('ends with an error frame and no [DONE] when the engine dies in the middle', async () => {
    const ant = await engine({ breakAfterTokens: 3, delayMs: 20 })
    const started = await gateway({ routes: { ant: [ant.url] } })
    const text = await (await started.post(chatPath, chat({ stream: true }))).text()
    expect(framesOf(text).at(-1)?.error).toMatchObject({ code: 'gateway/upstream-failed' })
    expect(text).not.toContain('[DONE]')
    expect(started.closes()).toMatchObject([
      {
        outcome: 'failed',
        error: 'gateway/upstream-failed',
        isEstimated: true,
      },
    ])
  })

  it('puts the error behind whole frames even if the engine died within one', async () => {
    const url = await rawEngine((socket) => {
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
      )
      const text = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"choi'
      socket.write(`${text.length.toString(16)}\r\n${text}\r\n`, () => socket.destroy())
    })
    const started = await gateway({ routes: { ant: [url] } })
    const text = await (await started.post(chatPath, chat({ stream: true }))).text()
    expect(framesOf(text)).toMatchObject([
      { choices: [{}] },
      { error: { code: 'gateway/upstream-failed' } },
    ])
  })

  it('is given up when the engine falls silent', async () => {
    const ant = await engine({ stallAfterTokens: 2 })
    const started = await gateway({ routes: { ant: [ant.url] } }, { idleTimeout: '300ms' })
    const text = await (await started.post(chatPath, chat({ stream: true }))).text()
    expect(framesOf(text).at(-1)?.error).toMatchObject({ code: 'gateway/upstream-timeout' })
    expect(started.closes()).toMatchObject([{ outcome: 'timeout' }])
    await until('the engine is told', () => ant.requests[0]?.state === 'aborted')
  })

  it('does not run ahead of a client that does not read', async () => {
    let written = 0
    const url = await rawEngine((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n')
      const frame = `data: {"choices":[{"delta":{"content":"${'x'.repeat(65_000)}"}}]}\n\n`
      const pump = () => {
        while (written < 200_000_000 && !socket.destroyed) {
          written += frame.length
          if (!socket.write(frame)) return void socket.once('drain', pump)
        }
      }
      pump()
    })
    const started = await gateway({ routes: { ant: [url] } })
    const abort = new AbortController()
    const response = await started.post(chatPath, chat({ stream: true }), { signal: abort.signal })
    const reader = response.body!.getReader()
    await reader.read()
    let last = -1
    await until('the engine is held back', () => {
      const isStill = written === last
      last = written
      return isStill && written > 0
    })
    expect(written).toBeLessThan(60_000_000)
    abort.abort()
    await until('the record is closed', () => started.closes().length === 1)
  })
})

describe('a client that leaves', () => {
  it.each([
    ['while the engine thinks', { headDelayMs: 60_000 }, false],
    [
      'in the middle of a stream',
      { delayMs: 50, tokens: Array.from({ length: 1000 }, () => 'a') },
      true,
    ],
    ['before the first token', { firstTokenDelayMs: 60_000 }, true],
  ])('%s takes the engine off the work', async (_, behaviour, stream) => {
    const ant = await engine(behaviour)
    const started = await gateway({ routes: { ant: [ant.url] } })
    const abort = new AbortController()
    const answer = started.post(chatPath, chat({ stream }), { signal: abort.signal })
    await until('the engine has it', () => ant.requests.length === 1)
    if ('delayMs' in behaviour) await (await answer).body!.getReader().read()
    abort.abort()
    await answer.catch(() => {})
    await until('the engine is told', () => ant.requests[0]?.state === 'aborted')
    await until('the record is closed', () => started.closes().length === 1)
    expect(started.closes()[0]).toMatchObject({ outcome: 'cancelled', status: 499 })
    expect(started.gateway.state().activeRequests).toBe(0)
  })
})

describe('a replica that fails', () => {
  const dead = 'http://127.0.0.1:1'

  it('is left for another while the client has no byte', async () => {
    const bad = await engine({ refusal: { status: 500 } })
    const good = await engine()
    const started = await gateway({ routes: { ant: [dead, bad.url, good.url] } })
    for (let sent = 0; sent < 12; sent++) {
      const response = await started.post(chatPath, chat())
      expect(response.status).toBe(200)
      expect(response.headers.get('x-baleen-replica')).toBe(`ant-${good.port}`)
      await response.arrayBuffer()
    }
    expect(bad.requests.length).toBeLessThan(12)
  })

  it('breaks no stream that had not begun', async () => {
    const bad = await engine({ breakAfterTokens: 0 })
    const good = await engine()
    const started = await gateway({ routes: { ant: [bad.url, good.url] } })
    for (let sent = 0; sent < 8; sent++) {
      const text = await (await started.post(chatPath, chat({ stream: true }))).text()
      expect(text).toContain('[DONE]')
    }
  })

  it('does not multiply the retries of the client', async () => {
    const engines = await Promise.all([1, 2, 3, 4].map(() => engine({ refusal: { status: 500 } })))
    const started = await gateway({ routes: { ant: engines.map(({ url }) => url) } })
    const response = await started.post(chatPath, chat())
    expect(response.status).toBe(500)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(response.headers.get('x-baleen-attempts')).toBe('3')
    expect(engines.flatMap(({ requests }) => requests)).toHaveLength(3)
    expect(started.closes()).toMatchObject([
      { attempts: 3, outcome: 'failed', error: 'engine/failed' },
    ])
  })

  it('is not asked again for work that it may have begun', async () => {
    const ant = await engine({ refusal: { status: 500 } })
    const started = await gateway({ routes: { ant: [ant.url] } })
    const response = await started.post(chatPath, chat())
    expect(response.status).toBe(500)
    expect(response.headers.get('x-should-retry')).toBeNull()
    expect(ant.requests).toHaveLength(1)
  })

  it('tells the client when its queue is full', async () => {
    const ant = await engine({ refusal: { status: 503, headers: { 'retry-after': '7' } } })
    const started = await gateway({ routes: { ant: [ant.url] } })
    const response = await started.post(chatPath, chat())
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('7')
  })
})

describe('an error in a foreign form', () => {
  it.each([
    ['{"detail":"no such adapter"}', 'no such adapter'],
    ['{"detail":[{"loc":["body","messages"],"msg":"Field required"}]}', 'messages: Field required'],
    ['{"object":"error","message":"too long","code":400}', 'too long'],
    ['{"error":"bad request"}', 'bad request'],
    ['plain words', 'plain words'],
    ['<html><body>Bad Gateway</body></html>', /status 422 and no explanation/],
    ['', /status 422 and no explanation/],
    ['[1', /^\[1$/],
  ])('%s is put into OpenAI’s', async (body, message) => {
    const ant = await engine({ refusal: { status: 422, body } })
    const started = await gateway({ routes: { ant: [ant.url] } })
    const response = await started.post(chatPath, chat())
    expect(response.status).toBe(422)
    expect(await response.json()).toEqual({
      error: {
        message: expect.stringMatching(message),
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
    })
  })

  it('in OpenAI’s own form passes as it is', async () => {
    const body = '{"error":{"message":"m","type":"t","param":"p","code":"c"}, "extra":1}'
    const ant = await engine({ refusal: { status: 400, body } })
    const started = await gateway({ routes: { ant: [ant.url] } })
    expect(await (await started.post(chatPath, chat())).text()).toBe(body)
  })

  it('about the gateway’s own access is not the client’s fault', async () => {
    const ant = await engine({ refusal: { status: 401 } })
    const started = await gateway({ routes: { ant: [ant.url] } })
    expect((await started.post(chatPath, chat())).status).toBe(502)
  })
})

describe('the transfer coding of a stream', () => {
  const body = JSON.stringify(chat({ stream: true }))
  const ask = (version: string) =>
    `POST ${chatPath} HTTP/${version}\r\nhost: a\r\nauthorization: Bearer bln_test_key\r\ncontent-length: ${body.length}\r\n\r\n${body}`

  function converse(
    port: number,
    bytes: string,
    isOver: (seen: string) => boolean,
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      let seen = ''
      socket.on('data', (chunk) => {
        seen += chunk.toString('latin1')
        if (isOver(seen)) socket.destroy()
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(seen))
      socket.write(bytes)
    })
  }

  it('is chunked, and the connection serves the next request', async () => {
    const ant = await engine()
    const started = await gateway({ routes: { ant: [ant.url] } })
    const seen = await converse(
      started.port,
      ask('1.1').repeat(3),
      (text) => text.split('\r\n0\r\n\r\n').length === 4,
    )
    const answers = seen.split('\r\n0\r\n\r\n').slice(0, 3)
    for (const answer of answers) {
      expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/)
      expect(answer).toMatch(/\r\ntransfer-encoding: chunked\r\n/i)
      expect(answer).toMatch(/\r\ne\r\ndata: \[DONE\]\n\n$|data: \[DONE\]\n\n$/)
    }
  })

  it('is none for a client of HTTP/1.0', async () => {
    const ant = await engine()
    const started = await gateway({ routes: { ant: [ant.url] } })
    const seen = await converse(started.port, ask('1.0'), () => false)
    expect(seen).not.toMatch(/transfer-encoding/i)
    expect(seen).toMatch(/\r\n\r\ndata: \{.*data: \[DONE\]\n\n$/s)
  })
})
