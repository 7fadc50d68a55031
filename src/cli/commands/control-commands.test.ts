import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  deploymentOf,
  fail,
  runCommand,
  startFakeControl,
  type FakeControl,
  type RunOptions,
} from '../cli.fixture.ts'

let control: FakeControl
beforeAll(async () => {
  control = await startFakeControl()
})
afterAll(async () => {
  await control.close()
  rmSync(control.dataDirectory, { recursive: true })
})
beforeEach(() => {
  control.routes.clear()
  control.calls.length = 0
})

const baleen = (argv: readonly string[], options: RunOptions = {}) =>
  runCommand(argv, {
    ...options,
    variables: { BALEEN_DATA: control.dataDirectory, ...options.variables },
  })

const answer = (route: string, value: unknown) => control.routes.set(route, () => value)

const loading = deploymentOf(
  { name: 'large', replicas: 2, route: 'team/large' },
  [{ state: 'ready' }, { state: 'starting' }],
  '1 of 2 ready: loading the model, 40 %',
)
const small = deploymentOf(
  { name: 'small' },
  [{ load: { running: 3, waiting: 1, kvUsage: 0.416 } }],
  '1 of 1 ready',
)

describe('ps', () => {
  it('shows a table', async () => {
    answer('GET /api/v1/deployments', { deployments: [small, loading] })
    const { code, stdout, stderr } = await baleen(['ps'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['DEPLOYMENT', 'READY', 'STATE', 'ROUTE', 'AGE', 'RUN', 'WAIT', 'KV', 'REASON'],
      ['small', '1/1', 'ready', 'small', '1h30m', '3', '1', '42 %'],
      ['large', '1/2', 'degraded', 'team/large', '1h30m', '-', '-', '-', 'loading the model, 40 %'],
      [''],
    ])
  })

  it('gives the contract’s own shape as JSON', async () => {
    answer('GET /api/v1/deployments', { deployments: [small] })
    expect(JSON.parse((await baleen(['ps', '--json'])).stdout)).toEqual([small])
  })

  it('watches: a line for each change, until it is interrupted', async () => {
    const views = [[small], [small], [small, loading]]
    control.routes.set('GET /api/v1/deployments', () => ({
      deployments: views.shift() ?? [small, loading],
    }))
    const interrupt = new AbortController()
    const { code, stdout } = await baleen(['ps', '--watch', '--json'], {
      interrupt: interrupt.signal,
      onOutput: (seen) => {
        if (seen.split('\n').length > 2) interrupt.abort()
      },
    })
    expect(code).toBe(130)
    expect(stdout.trim().split('\n')).toHaveLength(2)
  })
})

describe('deploy', () => {
  it('records the spec and waits until it is ready', async () => {
    const views = [loading, loading]
    answer('PUT /api/v1/deployments/large', loading)
    control.routes.set(
      'GET /api/v1/deployments/large',
      () => views.shift() ?? deploymentOf({ name: 'large', replicas: 2 }, [{}, {}], '2 of 2 ready'),
    )
    const { code, stdout, stderr } = await baleen(
      'deploy hf:Org/Repo/Large.gguf --name large --replicas 2 --set contextTokens=2048 --set gpu=off --route team/large'.split(
        ' ',
      ),
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toContain('loading the model')
    expect(stderr).toContain('✓ large: 2 of 2 ready')
    expect(control.calls[0]?.body).toMatchObject({
      name: 'large',
      model: 'hf:Org/Repo/Large.gguf',
      replicas: 2,
      route: 'team/large',
      settings: { contextTokens: 2048, gpu: 'off', sequencesMax: 'auto' },
    })
  })

  it('ends with 5 and the reason where it does not get ready', async () => {
    const broken = deploymentOf(
      { name: 'broken' },
      [{ state: 'failed', restarts: 2 }],
      '0 of 1 ready: out of memory',
    )
    answer('PUT /api/v1/deployments/broken', broken)
    answer('GET /api/v1/deployments/broken', broken)
    const { code, stderr } = await baleen(['deploy', 'broken'])
    expect(code).toBe(5)
    expect(stderr).toContain('error: deployment/failed: broken does not get ready: out of memory')
    expect(stderr).toContain('baleen logs broken')
  })

  it('remembers what ended the last try, even when the next one has begun', async () => {
    const views = [
      deploymentOf({ name: 'broken' }, [], '0 of 1 ready: no memory; next try in 2s'),
      deploymentOf({ name: 'broken' }, [{ state: 'starting' }], '0 of 1 ready: starting', {
        failures: 2,
      }),
    ]
    answer('PUT /api/v1/deployments/broken', views[0])
    control.routes.set('GET /api/v1/deployments/broken', () => views.shift())
    expect((await baleen(['deploy', 'broken'])).stderr).toContain(
      'error: deployment/failed: broken does not get ready: no memory\n',
    )
  })

  it('does not call an update done while the older replicas serve', async () => {
    const update = (status: string, more: { updated: number; failures: number }) =>
      deploymentOf({ name: 'large' }, [{ state: 'ready' }], status, more)
    const views = [
      update('1 of 1 ready: updating, loading the model', { updated: 0, failures: 0 }),
      update('1 of 1 ready', { updated: 1, failures: 0 }),
    ]
    answer('PUT /api/v1/deployments/large', views[0])
    control.routes.set('GET /api/v1/deployments/large', () => views.shift())
    const done = await baleen(['deploy', 'large'])
    expect(done.stderr).toBe(
      '… large: 1 of 1 ready: updating, loading the model\n✓ large: 1 of 1 ready\n',
    )

    answer(
      'GET /api/v1/deployments/large',
      update('1 of 1 ready: updating, no room; next try in 2s', { updated: 0, failures: 2 }),
    )
    const failed = await baleen(['deploy', 'large'])
    expect(failed.code).toBe(5)
    expect(failed.stderr).toContain('large does not get ready: no room\n')
    expect(failed.stderr).toContain('hint: What ran before still serves.')
  })

  it('gives up waiting after --ready-timeout', async () => {
    answer('PUT /api/v1/deployments/large', loading)
    answer('GET /api/v1/deployments/large', loading)
    const { code, stderr } = await baleen(['deploy', 'large', '--ready-timeout', '20ms'])
    expect(code).toBe(124)
    expect(stderr).toContain('error: cli/timeout: gave up waiting until large is ready')
  })

  it('takes many from a file, without waiting where told so', async () => {
    const file = join(control.dataDirectory, 'many.yaml')
    writeFileSync(file, '- {name: one, model: m}\n- {name: two, model: m, replicas: 0}\n')
    answer('PUT /api/v1/deployments/one', deploymentOf({ name: 'one' }))
    answer('PUT /api/v1/deployments/two', deploymentOf({ name: 'two' }))
    const { code, stdout } = await baleen(['deploy', '-f', file, '--no-wait', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toHaveLength(2)
    expect(control.calls.map(({ body }) => body)).toMatchObject([{ name: 'one' }, { replicas: 0 }])
  })

  it('says line and setting of what is wrong in a file, or on stdin', async () => {
    const { code, stderr } = await baleen(['deploy', '-f', '-'], {
      stdin: 'deployments:\n  - name: fine\n    model: m\n    replicas: -1\n',
    })
    expect(code).toBe(1)
    expect(stderr).toContain('config/invalid: -:4: deployments[0].replicas: expected number')
    expect((await baleen(['deploy', '-f', '/nonexistent.yaml'])).stderr).toContain(
      'config/unreadable',
    )
  })
})

describe('scale, stop, logs', () => {
  it('scales', async () => {
    answer('POST /api/v1/deployments/small/scale', small)
    expect((await baleen(['scale', 'small', '3'])).code).toBe(0)
    expect(control.calls).toEqual([
      { method: 'POST', path: '/api/v1/deployments/small/scale', body: { replicas: 3 } },
    ])
  })

  it('deletes a deployment, or says that there is none', async () => {
    control.routes.set('DELETE /api/v1/deployments/small', (_, __, response) => {
      response.statusCode = 204
      response.end()
    })
    expect((await baleen(['stop', 'small'])).code).toBe(0)
    control.routes.set('DELETE /api/v1/deployments/other', (_, __, response) =>
      fail(response, 404, 'deployment/not-found', 'there is no deployment "other"'),
    )
    const { code, stderr } = await baleen(['stop', 'other'])
    expect(code).toBe(3)
    expect(stderr).toBe(
      'error: deployment/not-found: there is no deployment "other"\nhint: `baleen ps` shows the deployments.\n',
    )
  })

  it('passes log lines on as they come', async () => {
    control.routes.set('GET /api/v1/logs/small', (_, __, response) => {
      response.write('first\nsec')
      setTimeout(() => response.end('ond\nthird'), 20)
    })
    const { stdout } = await baleen(['logs', 'small', '-n', '3'])
    expect(stdout).toBe('first\nsecond\nthird\n')
    expect(control.calls[0]?.path).toBe('/api/v1/logs/small?lines=3&follow=false')
  })

  it('puts what engines write as JSON into words, or keeps it with --json', async () => {
    control.routes.set('GET /api/v1/logs/small', (_, __, response) => {
      response.end('small-a1  {"level":30,"time":0,"msg":"ready"}\nsmall-a1  text\n')
    })
    expect((await baleen(['logs', 'small'])).stdout).toBe(
      '1970-01-01T00:00:00.000Z  small-a1  ready\nsmall-a1  text\n',
    )
    const lines = (await baleen(['logs', 'small', '--json'])).stdout.trim().split('\n')
    expect(lines.map((one) => JSON.parse(one) as unknown)).toEqual([
      { replica: 'small-a1', level: 30, time: 0, msg: 'ready' },
      { replica: 'small-a1', text: 'text' },
    ])
  })

  it('says so where the URL is not that of control', async () => {
    const { code, stderr } = await baleen(['scale', 'nowhere', '1'])
    expect(code).toBe(1)
    expect(stderr).toContain('is not the control API\nhint: Name its port')
  })

  it('follows a log until Ctrl-C', async () => {
    control.routes.set('GET /api/v1/logs/small', (_, __, response) => {
      response.write('line\n')
    })
    const interrupt = new AbortController()
    const { code, stdout, stderr } = await baleen(['logs', '-f', 'small'], {
      interrupt: interrupt.signal,
      onOutput: () => interrupt.abort(),
    })
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: 'line\n', stderr: '' })
  })
})

describe('key', () => {
  const view = {
    id: 'key_1',
    name: 'team',
    prefix: 'bln_k3x9…',
    routes: null,
    requestsPerMinute: 600,
    tokensPerMinute: null,
    expiresAtMs: null,
    isAdmin: false,
    createdAtMs: 0,
  }

  it('writes a new key, and nothing else, to stdout', async () => {
    answer('POST /api/v1/keys', { key: 'bln_secret', view })
    const { stdout, stderr } = await baleen(
      'key create team --requests-per-minute 600 --tokens-per-minute 200k --route a --route b --expires 1d'.split(
        ' ',
      ),
    )
    expect(stdout).toBe('bln_secret\n')
    expect(stderr).toContain('shown only now')
    expect(control.calls[0]?.body).toEqual({
      name: 'team',
      isAdmin: false,
      routes: ['a', 'b'],
      requestsPerMinute: 600,
      tokensPerMinute: 200_000,
      expiresAtMs: expect.any(Number),
    })
  })

  it('makes none that has expired before it begins', async () => {
    const { code, stderr } = await baleen(['key', 'create', 'team', '--expires', '2020-01-01'])
    expect(code).toBe(2)
    expect(stderr).toContain('is over already')
  })

  it('lists, edits and removes by id or name', async () => {
    answer('GET /api/v1/keys', {
      keys: [view, { ...view, id: 'key_2', name: 'twin' }, { ...view, id: 'key_3', name: 'twin' }],
    })
    answer('PATCH /api/v1/keys/key_1', view)
    answer('DELETE /api/v1/keys/key_2', {})
    expect((await baleen(['key', 'list'])).stdout).toContain('key_1  team  bln_k3x9…  all')
    expect((await baleen(['key', 'edit', 'team', '--requests-per-minute', 'none'])).code).toBe(0)
    expect(control.calls.at(-1)).toMatchObject({
      method: 'PATCH',
      body: { requestsPerMinute: null },
    })
    expect((await baleen(['key', 'rm', 'key_2'])).code).toBe(0)
    expect((await baleen(['key', 'rm', 'twin'])).stderr).toContain('several keys are named "twin"')
    expect((await baleen(['key', 'rm', 'nobody'])).code).toBe(3)
    expect((await baleen(['key', 'edit', 'team'])).code).toBe(2)
  })
})

describe('status and usage', () => {
  it('shows both', async () => {
    const view = {
      version: '0.1.0',
      startedAtMs: Date.now() - 60_000,
      dataDirectory: '/data',
      store: 'sqlite',
      gatewayUrl: 'http://127.0.0.1:8080',
      gateways: 2,
      deployments: [small, loading],
    }
    answer('GET /api/v1/status', view)
    expect((await baleen(['status'])).stdout).toContain('1 ready, 1 degraded')
    expect(JSON.parse((await baleen(['status', '--json'])).stdout)).toEqual(view)

    const row = {
      group: 'small',
      requests: 1200,
      failed: 1,
      promptTokens: 5,
      completionTokens: 6,
      cachedTokens: 0,
    }
    answer('GET /api/v1/usage', { usage: [row] })
    expect((await baleen(['usage'])).stdout).toMatch(/small +1,200 +1 +5 +6 +0/)
  })
})

describe('a control that can not be reached', () => {
  it('is told by the exit code', async () => {
    const none = { BALEEN_DATA: join(control.dataDirectory, 'none') }
    expect(await baleen(['ps'], { variables: none })).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('nothing is served from'),
    })
    const refused = { BALEEN_URL: 'http://127.0.0.1:1', BALEEN_TOKEN: 'x' }
    expect(await baleen(['ps'], { variables: refused })).toMatchObject({ code: 6 })
    const strange = { BALEEN_URL: control.url, BALEEN_TOKEN: 'wrong' }
    expect(await baleen(['ps'], { variables: strange })).toMatchObject({ code: 4 })
    expect(await baleen(['ps', '--url', control.url])).toMatchObject({ code: 4 })
    expect(await baleen(['ps', '--url', 'nonsense'])).toMatchObject({ code: 2 })
    control.routes.set('GET /api/v1/deployments', () => undefined)
    expect(await baleen(['ps', '--timeout', '50ms'])).toMatchObject({ code: 124 })
    answer('GET /api/v1/deployments', { deployments: [{ spec: 'none' }] })
    expect(await baleen(['ps'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cli/bad-answer'),
    })
  })
})
