import { gzipSync } from 'node:zlib'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  chat,
  chatPath,
  key,
  startGateway,
  type StartedGateway,
} from '../../test/support/gateway.ts'
import { startFakeEngine, type FakeEngine } from '../engines/fake/fake-engine.ts'

let ant: FakeEngine
let started: StartedGateway
beforeAll(async () => {
  ant = await startFakeEngine()
  started = await startGateway({ routes: { ant: [ant.url] } }, { bodySilenceMs: 300 })
})
afterAll(async () => {
  await started?.close()
  await ant?.close()
})

const authorization = `Bearer ${key}`
const get = (path: string, method = 'GET', headers: Record<string, string> = {}) =>
  fetch(`${started.url}${path}`, { method, headers: { authorization, ...headers } })

/** Sends bytes as they are, and returns all that comes back until the connection ends. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(started.port, '127.0.0.1', () => socket.write(bytes))
    let seen = ''
    socket.on('data', (chunk) => (seen += chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(seen))
  })
}

describe('what HTTP wants of every server', () => {
  it.each(['/health', '/v1/models'])('HEAD %s is GET without the body', async (path) => {
    const head = await get(path, 'HEAD')
    expect(head.status).toBe(200)
    expect(head.headers.get('content-length')).toBe(`${(await (await get(path)).text()).length}`)
    expect(await head.text()).toBe('')
  })

  it('a refused method is told what is allowed', async () => {
    expect((await get('/health', 'POST')).headers.get('allow')).toBe('GET, HEAD')
    expect((await get(chatPath, 'GET')).headers.get('allow')).toBe('POST')
  })

  it('who has no key is told how to send one', async () => {
    const refused = await started.post(chatPath, chat(), { key: null })
    expect(refused.headers.get('www-authenticate')).toBe('Bearer')
  })

  it('a request without a host is refused like all others', async () => {
    const seen = await raw('GET /health HTTP/1.1\r\nconnection: close\r\n\r\n')
    expect(seen).toMatch(/^HTTP\/1.1 400 /)
    expect(seen).toContain('"code":"request/invalid"')
    expect(await raw('GET /health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /)
  })

  it('an answer to a body that stopped coming ends the connection', async () => {
    const head = `POST ${chatPath} HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization}\r\n`
    const seen = await raw(`${head}content-length: 100\r\n\r\n{`)
    expect(seen).toMatch(/^HTTP\/1.1 408 /)
    expect(seen.toLowerCase()).toContain('connection: close')
  })

  it('a compressed body is called that', async () => {
    const body = gzipSync(JSON.stringify(chat()))
    const refused = await started.post(chatPath, body, { headers: { 'content-encoding': 'gzip' } })
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain('compressed (content-encoding: gzip)')
  })

  it('the request that lists models has a name as well', async () => {
    const listed = await get('/v1/models', 'GET', { 'x-request-id': 'mine-1' })
    expect(listed.headers.get('x-request-id')).toBe('mine-1')
  })
})
