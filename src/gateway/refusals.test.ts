import { request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startFakeEngine, type FakeEngine } from '../engines/fake/fake-engine.ts'
import {
  chat,
  chatPath,
  startGateway,
  until,
  type StartedGateway,
} from '../../test/support/gateway.ts'

let ant: FakeEngine
let started: StartedGateway
beforeAll(async () => {
  ant = await startFakeEngine()
  started = await startGateway(
    {
      routes: { ant: [ant.url], 'org/bee': [ant.url], 'embed:cat': [ant.url] },
      keys: [
        { secret: 'bln_expired', expiresAtMs: 1 },
        { secret: 'bln_ant_only', routes: ['ant'] },
        { secret: 'bln_five', requestsPerMinute: 5 },
        { secret: 'bln_tokens', tokensPerMinute: 1000 },
      ],
    },
    { config: { bodyMax: '1MiB', bodiesMax: '4MiB' }, bodySilenceMs: 300 },
  )
})
afterAll(async () => {
  await started?.close()
  await ant?.close()
})

interface Failure {
  readonly error: { message: string; type: string; param: string | null; code: string | null }
}
const failureOf = async (response: Response) => ((await response.json()) as Failure).error

/** Sends bytes as they are, and returns all that comes back until the connection ends. */
function raw(bytes: string | Buffer, more?: (socket: Socket) => void): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(started.port, '127.0.0.1')
    let seen = ''
    socket.on('data', (chunk) => (seen += chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(seen))
    socket.write(bytes)
    more?.(socket)
  })
}

describe('keys', () => {
  it.each([
    ['none', null, 401, 'invalid_api_key'],
    ['an unknown one', 'bln_nobody_knows_this', 401, 'invalid_api_key'],
    ['an expired one', 'bln_expired', 401, 'invalid_api_key'],
  ])('%s: refused', async (_, key, status, code) => {
    const response = await started.post(chatPath, chat(), { key })
    expect(response.status).toBe(status)
    const failure = await failureOf(response)
    expect(failure).toMatchObject({ code, type: 'invalid_request_error' })
    expect(failure.message).not.toContain(key ?? 'never')
    expect(response.headers.get('x-request-id')).toMatch(/^req_/)
  })

  it('open only the routes they name', async () => {
    const ask = (model: string) => started.post(chatPath, chat({ model }), { key: 'bln_ant_only' })
    expect((await ask('ant')).status).toBe(200)
    const response = await ask('org/bee')
    expect(response.status).toBe(403)
    expect((await failureOf(response)).code).toBe('key/forbidden')
    const models = await fetch(`${started.url}/v1/models`, {
      headers: { authorization: 'Bearer bln_ant_only' },
    })
    expect(await models.json()).toMatchObject({ data: [{ id: 'ant' }] })
  })
})

describe('paths and methods', () => {
  const get = (path: string) =>
    fetch(`${started.url}${path}`, { headers: { authorization: 'Bearer bln_test_key' } })

  it('lists models, and finds one whose name holds a slash', async () => {
    const list = await (await get('/v1/models')).json()
    expect(list).toEqual({
      object: 'list',
      data: ['ant', 'org/bee', 'cat'].map((id) => ({
        id,
        object: 'model',
        created: 1_700_000_000,
        owned_by: 'baleen',
      })),
    })
    for (const path of ['/v1/models/org/bee', '/v1/models/org%2Fbee'])
      expect(await (await get(path)).json()).toMatchObject({ id: 'org/bee', object: 'model' })
  })

  it.each([
    ['/v1/models/dog', 404, 'model_not_found'],
    ['/v1/models/%', 404, 'model_not_found'],
    ['/v1/nothing', 404, 'request/unknown-path'],
    ['/v1/modelsX', 404, 'request/unknown-path'],
    ['/', 404, 'request/unknown-path'],
    ['/v1/chat/completions', 405, 'method_not_supported'],
  ])('GET %s: %i %s', async (path, status, code) => {
    const response = await get(path)
    expect(response.status).toBe(status)
    expect((await failureOf(response)).code).toBe(code)
  })

  it('answers /health and /metrics without a key', async () => {
    expect((await fetch(`${started.url}/health`)).status).toBe(200)
    expect(await (await fetch(`${started.url}/metrics`)).text()).toBe('a_metric 1\n')
    const refused = await started.post('/health', {})
    expect(refused.status).toBe(405)
    expect(refused.headers.get('allow')).toBe('GET, HEAD')
  })
})

describe('requests that make no sense', () => {
  it.each([
    ['not JSON', '{"model":', 400, 'request/not-json', null],
    ['an empty body', '', 400, 'request/not-json', null],
    ['NaN', '{"model":"ant","messages":[],"n":NaN}', 400, 'request/not-json', null],
    ['an array', '[]', 400, 'request/not-json', null],
    ['too deep', `{"a":${'['.repeat(100_000)}`, 400, 'request/too-deep', null],
    ['a huge n', chat({ n: 1e12 }), 400, 'integer_above_max_value', 'n'],
    ['a wrong type', chat({ stream: 1 }), 400, 'invalid_type', 'stream'],
    ['an unknown model', chat({ model: 'dog' }), 404, 'model_not_found', 'model'],
    ['a model of another task', chat({ model: 'cat' }), 400, 'gateway/wrong-task', 'model'],
  ])('%s', async (_, body, status, code, param) => {
    const response = await started.post(chatPath, body)
    expect(response.status).toBe(status)
    expect(await failureOf(response)).toMatchObject({
      code,
      param,
      type: 'invalid_request_error',
      message: expect.stringMatching(/./),
    })
  })

  it('bytes that are not UTF-8', async () => {
    const response = await started.post(
      chatPath,
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    )
    expect((await failureOf(response)).message).toContain('UTF-8')
  })

  it('get an answer whatever they hold, and the connection goes on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string(), fc.json(), fc.uint8Array({ maxLength: 100 })),
        async (body) => {
          const response = await started.post(
            chatPath,
            typeof body === 'string' ? body : Buffer.from(body),
          )
          expect([400, 404]).toContain(response.status)
          expect((await failureOf(response)).message).not.toBe('')
        },
      ),
      { numRuns: 150 },
    )
    expect((await started.post(chatPath, chat())).status).toBe(200)
  })
})

describe('bodies beyond the limits', () => {
  it('are refused by their length before they come', async () => {
    const seen = await raw(
      `POST ${chatPath} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer bln_test_key\r\ncontent-length: 99999999\r\n\r\n`,
    )
    expect(seen).toMatch(/^HTTP\/1.1 413 /)
    expect(seen).toContain('"code":"request/too-large"')
    expect(seen.toLowerCase()).toContain('connection: close')
  })

  it('are refused on the way when they did not say how long they are', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(
        {
          port: started.port,
          method: 'POST',
          path: chatPath,
          headers: { authorization: 'Bearer bln_test_key' },
        },
        (response) => {
          resolve(response.statusCode)
          response.resume()
          request.destroy()
        },
      )
      request.on('error', reject)
      const block = Buffer.alloc(65_536, 0x20)
      const pump = () => {
        while (!request.destroyed && request.write(block));
        if (!request.destroyed) request.once('drain', pump)
      }
      pump()
    })
    expect(status).toBe(413)
  })

  it('do not make memory grow: 200 of 100 MB', async () => {
    const before = process.memoryUsage.rss()
    const block = Buffer.alloc(1 << 20, 0x20)
    const send = () =>
      new Promise<number>((resolve) => {
        const request = httpRequest(
          {
            port: started.port,
            method: 'POST',
            path: chatPath,
            headers: { authorization: 'Bearer bln_test_key', 'content-length': 100 << 20 },
          },
          (response) => {
            resolve(response.statusCode ?? 0)
            response.resume()
            request.destroy()
          },
        )
        request.on('error', () => resolve(-1))
        let left = 100
        const pump = () => {
          while (left-- > 0 && !request.destroyed && request.write(block));
          if (left > 0 && !request.destroyed) request.once('drain', pump)
        }
        pump()
      })
    const statuses: number[] = []
    for (let round = 0; round < 20; round++)
      statuses.push(...(await Promise.all(Array.from({ length: 10 }, send))))
    expect(new Set(statuses)).toEqual(new Set([413]))
    expect(started.gateway.state().bodyBytes).toBe(0)
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 2 ** 20)
  })

  it('together are refused when memory for all of them is taken', async () => {
    const sockets = Array.from({ length: 4 }, () => {
      const socket = connect(started.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(
        `POST ${chatPath} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer bln_test_key\r\ncontent-length: ${1 << 20}\r\n\r\n{`,
      )
      return socket
    })
    await until('all four are charged', () => started.gateway.state().bodyBytes === 4 << 20)
    const response = await started.post(chatPath, chat())
    expect(response.status).toBe(503)
    expect(await failureOf(response)).toMatchObject({ code: 'gateway/overloaded' })
    for (const socket of sockets) socket.destroy()
    await until('they are forgotten', () => started.gateway.state().bodyBytes === 0)
  })

  it('that stop coming are given up', async () => {
    const seen = await raw(
      `POST ${chatPath} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer bln_test_key\r\ncontent-length: 100000\r\n\r\n{`,
    )
    expect(seen).toMatch(/^HTTP\/1.1 408 /)
    expect(started.gateway.state().activeRequests).toBe(0)
  })

  it('are not sent by a client that asks first', async () => {
    const head = (length: number) =>
      `POST ${chatPath} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer bln_test_key\r\nexpect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`
    expect(await raw(head(99_999_999))).toMatch(/^HTTP\/1.1 413 /)
    const body = JSON.stringify(chat())
    const seen = await raw(head(body.length), (socket) =>
      socket.on('data', (chunk) => {
        if (chunk.toString().startsWith('HTTP/1.1 100')) socket.write(body)
        else socket.end()
      }),
    )
    expect(seen).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/)
  })
})

describe('bytes that are not HTTP', () => {
  const auth = 'authorization: Bearer bln_test_key'
  const body = JSON.stringify(chat())
  it.each([
    ['garbage', 'garbage\r\n\r\n', 400],
    ['a bad method', 'BREW /coffee HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['no host', `GET /health HTTP/1.1\r\n\r\n`, 400],
    ['huge headers', `GET /health HTTP/1.1\r\nhost: a\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`, 431],
    [
      'both lengths',
      `POST ${chatPath} HTTP/1.1\r\nhost: a\r\n${auth}\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      'two lengths',
      `POST ${chatPath} HTTP/1.1\r\nhost: a\r\n${auth}\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\n{}{}}`,
      400,
    ],
    [
      'an odd coding',
      `POST ${chatPath} HTTP/1.1\r\nhost: a\r\n${auth}\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      'a negative length',
      `POST ${chatPath} HTTP/1.1\r\nhost: a\r\n${auth}\r\ncontent-length: -1\r\n\r\n`,
      400,
    ],
    [
      'a folded header',
      `POST ${chatPath} HTTP/1.1\r\nhost: a\r\n${auth}\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\n{}`,
      400,
    ],
  ])('%s', async (_, bytes, status) => {
    const seen = await raw(bytes, (socket) => setTimeout(() => socket.end(), 500))
    expect(seen).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(
      ant.requests.every(
        ({ bodyText }) => bodyText === body || JSON.parse(bodyText).model !== undefined,
      ),
    ).toBe(true)
  })

  it('end no process', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
        await raw(Buffer.concat([Buffer.from(bytes), Buffer.from('\r\n\r\n')]), (socket) =>
          socket.end(),
        )
      }),
      { numRuns: 100 },
    )
    expect((await fetch(`${started.url}/health`)).status).toBe(200)
  })
})

describe('limits of a key', () => {
  it('admit exactly so many requests, and say what is left', async () => {
    const responses: Response[] = []
    for (let sent = 0; sent < 7; sent++)
      responses.push(await started.post(chatPath, chat(), { key: 'bln_five' }))
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429])
    const header = (name: string) => responses.map(({ headers }) => headers.get(name))
    expect(header('x-ratelimit-limit-requests')).toEqual(Array(7).fill('5'))
    expect(header('x-ratelimit-remaining-requests')).toEqual(['4', '3', '2', '1', '0', '0', '0'])
    const last = responses[5]!
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(50)
    expect(Number(last.headers.get('retry-after-ms'))).toBeGreaterThan(50_000)
    expect(last.headers.get('x-ratelimit-reset-requests')).toMatch(/^1m\ds$|^\d\ds$/)
    expect(await failureOf(last)).toMatchObject({
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
    })
  })

  it('reserve tokens by estimate and settle with what was used', async () => {
    const ask = (more: object) => started.post(chatPath, chat(more), { key: 'bln_tokens' })
    expect((await ask({ max_tokens: 2000 })).headers.get('x-should-retry')).toBe('false')
    for (let sent = 0; sent < 5; sent++) {
      const response = await ask({ max_tokens: 900 })
      expect(response.status).toBe(200)
      await response.arrayBuffer()
    }
  })
})

describe('requests one behind the other on a connection', () => {
  it('are forgotten, all of them, when it breaks', async () => {
    const slow = await startFakeEngine({ headDelayMs: 60_000 })
    const piped = await startGateway({ routes: { ant: [slow.url] } })
    try {
      const body = JSON.stringify(chat())
      const one = `POST ${chatPath} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer bln_test_key\r\ncontent-length: ${body.length}\r\n\r\n${body}`
      const socket = connect(piped.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(one.repeat(3))
      await until('the engine has them', () => slow.requests.length === 3)
      socket.destroy()
      await until('none is active', () => piped.gateway.state().activeRequests === 0)
      await until('the engine is told', () =>
        slow.requests.every(({ state }) => state === 'aborted'),
      )
      await until('all are recorded', () => piped.closes().length === 3)
    } finally {
      await piped.close()
      await slow.close()
    }
  })
})
