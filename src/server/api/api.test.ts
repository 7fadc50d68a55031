import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import { adminToken, bench } from './api-bench.ts'

describe('deployments', () => {
  it('are created, read, replaced, scaled and deleted, and each change is remembered', async () => {
    const { ask, store } = await bench()
    const body = { name: 'ant', model: 'm', replicas: 2 }
    const created = await ask('POST', '/deployments', { body })
    expect(created.status).toBe(201)
    expect(created.body).toMatchObject({
      spec: deploymentSpec.parse(body),
      revision: 1,
      status: '0 of 1 ready',
    })
    const replaced = await ask('PUT', '/deployments/ant', { body: { ...body, weight: 2 } })
    expect(replaced).toMatchObject({ status: 200, body: { revision: 2, spec: { weight: 2 } } })
    const scaled = await ask('POST', '/deployments/ant/scale', { body: { replicas: 5 } })
    expect(scaled).toMatchObject({ status: 200, body: { revision: 3, spec: { replicas: 5 } } })
    expect((await ask('GET', '/deployments/ant')).body.spec.replicas).toBe(5)
    expect((await ask('GET', '/deployments')).body.deployments).toHaveLength(1)
    expect((await store.deployments.list())[0]?.revision).toBe(3)

    expect((await ask('DELETE', '/deployments/ant')).status).toBe(204)
    expect((await ask('GET', '/deployments/ant')).body.error.code).toBe('deployment/not-found')
    const { revisions } = (await ask('GET', '/deployments/ant/revisions')).body
    expect(
      revisions.map((one: any) => [one.revision, one.by, one.why, one.spec?.replicas]),
    ).toEqual([
      [4, 'admin', 'deleted', undefined],
      [3, 'admin', 'scaled from 2 to 5', 5],
      [2, 'admin', 'replaced', 2],
      [1, 'admin', 'created', 2],
    ])
  })

  it('are made by PUT where there is none', async () => {
    const { ask } = await bench()
    const body = { name: 'ant', model: 'm' }
    expect(await ask('PUT', '/deployments/ant', { body })).toMatchObject({
      status: 201,
      body: { revision: 1 },
    })
  })

  it('are not overwritten by somebody who has not seen the last change', async () => {
    const { ask } = await bench()
    const body = { name: 'ant', model: 'm' }
    await ask('POST', '/deployments', { body })
    const replace = (replicas: number) =>
      ask('PUT', '/deployments/ant', { body: { ...body, replicas }, headers: { 'if-match': '1' } })
    expect((await replace(2)).status).toBe(200)
    const late = await replace(3)
    expect(late).toMatchObject({ status: 409, body: { error: { code: 'deployment/conflict' } } })
  })

  it.each([
    ['a name that is taken', { name: 'taken', model: 'm' }, 409, 'deployment/conflict', 'name'],
    ['an unknown engine', { name: 'a', model: 'm', engine: 'x' }, 400, 'engine/unknown', null],
    ['an unknown model', { name: 'a', model: 'none' }, 404, 'model/not-found', null],
    [
      'a route of another task',
      { name: 'a', model: 'm', task: 'embed', route: 'taken' },
      400,
      'request/invalid',
      'route',
    ],
    ['a bad name', { name: 'Not OK', model: 'm' }, 400, 'request/invalid', 'name'],
    ['no model', { name: 'a' }, 400, 'request/invalid', 'model'],
    ['an unknown field', { name: 'a', model: 'm', replica: 2 }, 400, 'request/invalid', null],
    [
      'a wrong type deep inside',
      { name: 'a', model: 'm', settings: { sequencesMax: 'many' } },
      400,
      'request/invalid',
      'settings.sequencesMax',
    ],
    ['NaN', { name: 'a', model: 'm', replicas: NaN }, 400, 'request/invalid', 'replicas'],
    [
      'a huge number',
      { name: 'a', model: 'm', replicas: 1e300 },
      400,
      'request/invalid',
      'replicas',
    ],
    ['no object', [1, 2], 400, 'request/invalid', null],
  ])('refuse %s', async (_, body, status, code, param) => {
    const { ask, store } = await bench()
    await ask('POST', '/deployments', { body: { name: 'taken', model: 'm' } })
    const refused = await ask('POST', '/deployments', { body })
    expect(refused.status).toBe(status)
    expect(refused.body.error).toMatchObject({ code, param, type: 'invalid_request_error' })
    expect(refused.body.error.message).toMatch(/^(?!.*(Invalid input|Too \w+:))/)
    expect(refused.body.error.hint).toBeTruthy()
    expect(await store.deployments.list()).toHaveLength(1)
  })

  it('refuse a body that names another than the path', async () => {
    const { ask } = await bench()
    const refused = await ask('PUT', '/deployments/ant', { body: { name: 'bee', model: 'm' } })
    expect(refused.body.error).toMatchObject({ code: 'request/invalid', param: 'name' })
  })
})

describe('keys', () => {
  it('are shown once, kept as a hash, changed and deleted', async () => {
    const { ask, store } = await bench()
    const input = { name: 'team', routes: ['chat'], requestsPerMinute: 60 }
    const { status, body } = await ask('POST', '/keys', { body: input })
    expect(status).toBe(201)
    expect(body.key).toMatch(/^bln_[\w-]{43}$/)
    expect(body.view).toMatchObject({ ...input, tokensPerMinute: null, isAdmin: false })
    expect(body.view.prefix).toBe(body.key.slice(0, 8))
    const listed = await ask('GET', '/keys')
    expect(listed.body.keys).toEqual([body.view])
    expect(JSON.stringify([listed.body, await store.keys.list()])).not.toContain(body.key)

    const { id } = body.view
    const patched = await ask('PATCH', `/keys/${id}`, { body: { requestsPerMinute: null } })
    expect(patched).toMatchObject({
      status: 200,
      body: { requestsPerMinute: null, routes: ['chat'] },
    })
    expect((await ask('DELETE', `/keys/${id}`)).status).toBe(204)
    expect((await ask('DELETE', `/keys/${id}`)).body.error.code).toBe('key/not-found')
    expect(await store.keys.list()).toEqual([])
  })

  it('may use this API only where they are made for it, and only until they expire', async () => {
    const { ask } = await bench()
    const make = async (body: object): Promise<string> =>
      (await ask('POST', '/keys', { body })).body.key
    const codeWith = async (token: string) =>
      (await ask('GET', '/keys', { token })).body.error?.code ?? 'allowed'
    expect(await codeWith(await make({ name: 'plain' }))).toBe('key/forbidden')
    expect(await codeWith(await make({ name: 'boss', isAdmin: true }))).toBe('allowed')
    const expired = { name: 'late', isAdmin: true, expiresAtMs: 1000 }
    expect(await codeWith(await make(expired))).toBe('key/unknown')
  })

  it('leave their id with what they change', async () => {
    const { ask } = await bench()
    const { key, view } = (await ask('POST', '/keys', { body: { name: 'boss', isAdmin: true } }))
      .body
    await ask('POST', '/deployments', { token: key, body: { name: 'ant', model: 'm' } })
    const { revisions } = (await ask('GET', '/deployments/ant/revisions')).body
    expect(revisions[0].by).toBe(view.id)
  })
})

describe('access', () => {
  it.each([
    [undefined, 'key/missing'],
    ['Basic abc', 'key/missing'],
    ['Bearer', 'key/missing'],
    ['Bearer wrong', 'key/unknown'],
    [`Bearer ${adminToken}x`, 'key/unknown'],
  ])('with authorization %s is refused as %s', async (authorization, code) => {
    const { api } = await bench()
    const headers = authorization === undefined ? {} : { authorization }
    for (const url of ['/api/v1/status', '/api/v1/keys', '/api/v1/logs/x']) {
      const response = await api.inject({ url, headers })
      expect(response.statusCode).toBe(401)
      expect(response.json().error.code).toBe(code)
    }
  })

  it('needs nothing for health, metrics and the document', async () => {
    const { api } = await bench()
    expect((await api.inject('/health')).json()).toEqual({ status: 'ok' })
    expect((await api.inject('/metrics')).body).toBe('up 1\n')
    expect((await api.inject('/api/v1/openapi.json')).json()).toHaveProperty('paths')
  })
})

describe('usage', () => {
  it('is summed and listed, and odd questions are refused', async () => {
    const { ask, store } = await bench()
    const request = {
      id: 'req_1',
      clientId: null,
      atMs: 5,
      key: 'key_1',
      route: 'chat',
      endpoint: 'chat' as const,
      stream: true,
      deployment: 'ant',
      replica: 'ant-1',
      outcome: 'ok' as const,
      status: 200,
      error: null,
      promptTokens: 3,
      completionTokens: 4,
      cachedTokens: 1,
      isEstimated: false,
      ttftMs: 1.25,
      e2eMs: 2.5,
      holdMs: 0,
      itlMsMean: null,
      attempts: 1,
      requestBytes: 1,
      responseBytes: 2,
    }
    await store.requests.replay([request], { file: 'a', offset: 1 })
    expect((await ask('GET', '/requests?limit=5')).body).toEqual({ requests: [request] })
    expect((await ask('GET', '/requests?route=other')).body).toEqual({ requests: [] })
    const { usage } = (await ask('GET', '/usage?by=key&sinceMs=5')).body
    expect(usage).toEqual([
      {
        group: 'key_1',
        requests: 1,
        failed: 0,
        promptTokens: 3,
        completionTokens: 4,
        cachedTokens: 1,
      },
    ])
    expect((await ask('GET', '/usage?sinceMs=3600000')).body).toEqual({ usage: [] })
    for (const odd of ['/usage?by=planet', '/requests?limit=0', '/requests?limit=x', '/usage?x=1'])
      expect((await ask('GET', odd)).body.error.code).toBe('request/invalid')
  })
})

describe('status', () => {
  it('says what runs here', async () => {
    const { ask } = await bench()
    await ask('POST', '/deployments', { body: { name: 'ant', model: 'm' } })
    expect((await ask('GET', '/status')).body).toMatchObject({
      version: '1.2.3',
      store: 'sqlite',
      deployments: [{ spec: { name: 'ant' } }],
    })
  })
})
