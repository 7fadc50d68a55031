import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ReplicaView } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import { adminToken, bench } from './api-bench.ts'
import type { Api } from './api.ts'
import { openApiDocument } from './openapi.ts'

const replicaOf = (id: string, deployment: string): ReplicaView => ({
  id,
  deployment,
  state: 'ready',
  reason: 'ready',
  pid: 1,
  url: null,
  node: null,
  devices: [],
  revision: 1,
  startedAtMs: 1,
  restarts: 0,
  load: null,
})

describe('bad requests', () => {
  it.each([
    ['not JSON', '{"name":', 'application/json', 'request/not-json', 400],
    ['nothing', '', 'application/json', 'request/invalid', 400],
    ['another type', 'name=a', 'application/x-www-form-urlencoded', 'request/not-json', 400],
    ['too much', `"${'x'.repeat(2 ** 20)}"`, 'application/json', 'request/too-large', 413],
    [
      'very deep JSON',
      '['.repeat(200_000) + ']'.repeat(200_000),
      'application/json',
      'request/invalid',
      400,
    ],
    [
      'a prototype',
      '{"__proto__":{"name":"a"},"model":"m"}',
      'application/json',
      'request/not-json',
      400,
    ],
  ])('with %s get a coded error', async (_, payload, type, code, status) => {
    const { api } = await bench()
    const response = await api.inject({
      method: 'POST',
      url: '/api/v1/deployments',
      payload,
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': type },
    })
    expect(response.json().error.code).toBe(code)
    expect(response.statusCode).toBe(status)
  })

  it('with no body take the announcement of JSON as said of nothing', async () => {
    const { ask } = await bench()
    await ask('POST', '/deployments', { body: { name: 'ant', model: 'm' } })
    const headers = { 'content-type': 'application/json' }
    expect((await ask('DELETE', '/deployments/ant', { headers })).status).toBe(204)
  })

  it('for a path that is not there get a coded error', async () => {
    const { ask } = await bench()
    expect(await ask('GET', '/nothing?token=x')).toMatchObject({
      status: 404,
      body: { error: { code: 'request/unknown-path', message: 'there is no GET /api/v1/nothing' } },
    })
  })

  it.each([
    ['a name beyond all measure', 'x'.repeat(3000), 400],
    ['a name that is no UTF-8', '%ff', 400],
    ['a name that is only long', 'x'.repeat(500), 404],
  ])('with %s get an error in the one form', async (_, name, status) => {
    const { ask } = await bench()
    const refused = await ask('GET', `/deployments/${name}`)
    expect(refused.status).toBe(status)
    expect(refused.body.error).toMatchObject({ type: 'invalid_request_error' })
    expect(refused.body.error.code).toMatch(/^(request|deployment)\//)
  })

  it('while the store is away get 503 and when to come again', async () => {
    const { ask, store } = await bench()
    const away = new AppError('store/unavailable', { message: 'the database is away' })
    store.deployments.create = () => Promise.reject(away)
    const refused = await ask('POST', '/deployments', { body: { name: 'ant', model: 'm' } })
    expect(refused).toMatchObject({ status: 503, body: { error: { code: 'store/unavailable' } } })
    expect(refused.headers['retry-after']).toBe('1')
    expect((await ask('GET', '/deployments')).body).toEqual({ deployments: [] })
  })
})

describe('over HTTP', () => {
  const listen = async (api: Api): Promise<string> => api.listen({ host: '127.0.0.1', port: 0 })

  it('streams the log lines of a deployment as they come, until the client goes', async () => {
    const { api, ask, replicas, logLines } = await bench()
    await ask('POST', '/deployments', { body: { name: 'ant', model: 'm' } })
    replicas.push(replicaOf('ant-1', 'ant'))
    logLines.set('ant-1', ['one', 'two'])
    const url = await listen(api)
    const gone = new AbortController()
    const response = await fetch(`${url}/api/v1/logs/ant?follow=true&lines=1`, {
      headers: { authorization: `Bearer ${adminToken}` },
      signal: gone.signal,
    })
    let seen = ''
    const reading = (async () => {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) seen += chunk
    })().catch(() => {})
    await expect.poll(() => seen).toBe('ant-1  two\n')
    logLines.get('ant-1')!.push('three')
    await expect.poll(() => seen).toBe('ant-1  two\nant-1  three\n')
    logLines.set('ant-2', ['four'])
    replicas.push(replicaOf('ant-2', 'ant'))
    await expect.poll(() => seen).toBe('ant-1  two\nant-1  three\nant-2  four\n')
    gone.abort()
    await reading
  })

  it('gives the lines of one replica as they are, and a coded error for none', async () => {
    const { api, logLines } = await bench()
    logLines.set('ant-1', ['one', 'two'])
    const url = await listen(api)
    const get = async (path: string) =>
      fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${adminToken}` } })
    expect(await (await get('/replicas/ant-1/logs')).text()).toBe('one\ntwo\n')
    const missing = await get('/logs/ant-9')
    expect(missing.status).toBe(404)
    expect(await missing.json()).toMatchObject({ error: { code: 'replica/not-found' } })
  })

  it('answers only to the names of this machine', async () => {
    const { api } = await bench()
    const { port } = new URL(await listen(api))
    const statusFor = async (host: string): Promise<string> => {
      const socket = connect(Number(port), '127.0.0.1')
      socket.write(`GET /health HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
      let text = ''
      for await (const chunk of socket) text += String(chunk)
      return text.split(' ')[1] ?? ''
    }
    for (const host of [`127.0.0.1:${port}`, 'localhost', `[::1]:${port}`, 'LOCALHOST:1'])
      expect([host, await statusFor(host)]).toEqual([host, '200'])
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1.evil.example',
      '10.0.0.1',
    ])
      expect([host, await statusFor(host)]).toEqual([host, '421'])
  })
})

describe('docs/reference/openapi.json', () => {
  it('is what the API says of itself: run `node scripts/openapi.ts`', async () => {
    const path = join(import.meta.dirname, '../../../docs/reference/openapi.json')
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(await openApiDocument())),
    )
  })
})
