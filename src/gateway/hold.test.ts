import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { startFakeEngine, type FakeEngine } from '../engines/fake/fake-engine.ts'
import {
  chat,
  chatPath,
  key,
  startGateway,
  until,
  type StartedGateway,
  type World,
} from '../../test/support/gateway.ts'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})
async function gateway(world: World | null, config = {}): Promise<StartedGateway> {
  const started = await startGateway(world, { config })
  opened.push(started)
  return started
}
async function engine(port = 0): Promise<FakeEngine> {
  const started = await startFakeEngine({ port })
  opened.push(started)
  return started
}

describe('while nothing is ready', () => {
  it('a request waits until there is a replica', async () => {
    const started = await gateway({ routes: { ant: [] }, reason: 'loading the model, 40 %' })
    const answers = [1, 2, 3].map(() => started.post(chatPath, chat()))
    await until('they wait', () => started.gateway.state().heldRequests === 3)
    started.publish({ routes: { ant: [(await engine()).url] } })
    for (const answer of answers) {
      const response = await answer
      expect(response.status).toBe(200)
      expect(response.headers.get('server-timing')).toMatch(/^hold;dur=[1-9]/)
      await response.arrayBuffer()
    }
    expect(started.closes().every(({ holdMs }) => holdMs > 0)).toBe(true)
  })

  it('it waits no longer than it says itself, and is told why', async () => {
    const started = await gateway({ routes: { ant: [] }, reason: 'loading the model, 40 %' })
    const response = await started.post(chatPath, chat(), {
      headers: { 'x-baleen-timeout-ms': '150' },
    })
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('2')
    expect(response.headers.get('retry-after-ms')).toBe('2000')
    expect(await response.json()).toMatchObject({
      error: {
        code: 'gateway/no-ready-replica',
        message: expect.stringContaining('loading the model, 40 %'),
      },
    })
    expect(started.closes()).toMatchObject([{ outcome: 'failed', attempts: 0, promptTokens: 0 }])
  })

  it('nor longer than the config says', async () => {
    const started = await gateway({ routes: { ant: [] } }, { holdTimeout: '150ms' })
    expect((await started.post(chatPath, chat())).status).toBe(503)
  })

  it('a client that leaves no longer waits', async () => {
    const started = await gateway({ routes: { ant: [] } })
    const abort = new AbortController()
    const answer = started.post(chatPath, chat(), { signal: abort.signal }).catch(() => {})
    await until('it waits', () => started.gateway.state().heldRequests === 1)
    abort.abort()
    await answer
    await until('it is forgotten', () => started.gateway.state().heldRequests === 0)
    await until('the record is closed', () => started.closes().length === 1)
    expect(started.closes()).toMatchObject([{ outcome: 'cancelled', attempts: 0 }])
  })

  it('a model that is taken away is unknown to those that waited for it', async () => {
    const started = await gateway({ routes: { ant: [] } })
    const answer = started.post(chatPath, chat())
    await until('it waits', () => started.gateway.state().heldRequests === 1)
    started.publish({ routes: {} })
    expect((await answer).status).toBe(404)
  })

  it('only so many wait', async () => {
    const started = await gateway({ routes: { ant: [] } }, { holdTimeout: '5s' })
    const abort = new AbortController()
    const answers = Array.from({ length: 1000 }, () =>
      started.post(chatPath, chat(), { signal: abort.signal }).catch(() => {}),
    )
    await until('a thousand wait', () => started.gateway.state().heldRequests === 1000)
    expect((await started.post(chatPath, chat())).status).toBe(503)
    abort.abort()
    await Promise.all(answers)
  })

  it('even before there is a first snapshot', async () => {
    const started = await gateway(null)
    expect((await fetch(`${started.url}/health`)).status).toBe(503)
    const answer = started.post(chatPath, chat())
    await until('it waits', () => started.gateway.state().heldRequests === 1)
    started.publish({ routes: { ant: [(await engine()).url] } })
    expect((await answer).status).toBe(200)
    expect((await fetch(`${started.url}/health`)).status).toBe(200)
  })
})

describe('a replica that is killed', () => {
  it('costs no request: they wait for the next one', async () => {
    const first = await startFakeEngine()
    const started = await gateway({ routes: { ant: [first.url] } })
    expect((await started.post(chatPath, chat())).status).toBe(200)
    await first.close()
    const answers = Array.from({ length: 5 }, () => started.post(chatPath, chat()))
    await until('they wait', () => started.gateway.state().heldRequests === 5)
    started.publish({ routes: { ant: [(await engine()).url] } })
    for (const answer of answers) expect((await answer).status).toBe(200)
  })

  it('is found again where it was, without a new snapshot', async () => {
    const first = await startFakeEngine()
    const started = await gateway({ routes: { ant: [first.url] } })
    await (await started.post(chatPath, chat())).arrayBuffer()
    await first.close()
    const answer = started.post(chatPath, chat())
    await until('it waits', () => started.gateway.state().heldRequests === 1)
    await engine(first.port)
    expect((await answer).status).toBe(200)
  })
})

describe('a new snapshot', () => {
  it('is known to the request that follows it', async () => {
    const started = await gateway({ routes: {} })
    const { url } = await engine()
    for (let round = 0; round < 5; round++) {
      const [model, secret] = [`ant-${round}`, `bln_new_${round}`]
      started.publish({ routes: { [model]: [url] }, keys: [{ secret }] })
      const response = await started.post(chatPath, chat({ model }), { key: secret })
      expect(response.status).toBe(200)
    }
  })

  it('changes keys and routes at once, and leaves what is under way alone', async () => {
    const slow = await startFakeEngine({
      tokens: Array.from({ length: 20 }, () => 'a'),
      delayMs: 20,
    })
    opened.push(slow)
    const started = await gateway({ routes: { ant: [slow.url] } })
    const stream = await started.post(chatPath, chat({ stream: true }))
    const next = await engine()
    const { snapshotVersion } = started.gateway.state()
    started.publish({ routes: { bee: [next.url] }, keys: [{ secret: 'bln_new' }] })
    await until('it is taken', () => started.gateway.state().snapshotVersion > snapshotVersion)
    const response = await started.post(chatPath, chat({ model: 'bee' }), { key: 'bln_new' })
    expect(response.status).toBe(200)
    expect((await started.post(chatPath, chat())).status).toBe(404)
    expect(await stream.text()).toContain('[DONE]')
  })

  it.each(['', '{', 'null', '{"version":9999}'])('of %j is ignored', async (text) => {
    const ant = await engine()
    const started = await gateway({ routes: { ant: [ant.url] } })
    writeFileSync(join(started.directory, 'run/snapshot.json'), text)
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect((await started.post(chatPath, chat())).status).toBe(200)
    const { snapshotVersion } = started.gateway.state()
    started.publish({ routes: { bee: [] } })
    await until(
      'the next good one is taken',
      () => started.gateway.state().snapshotVersion > snapshotVersion,
    )
  })
})

describe('draining', () => {
  it('finishes what is in flight and takes nothing new', async () => {
    const slow = await startFakeEngine({
      tokens: Array.from({ length: 20 }, () => 'a'),
      delayMs: 20,
    })
    opened.push(slow)
    const started = await gateway({ routes: { ant: [slow.url] } })
    const stream = await started.post(chatPath, chat({ stream: true }))
    const drained = started.gateway.drain(30_000)
    expect(await stream.text()).toContain('[DONE]')
    await drained
    expect(started.closes()).toMatchObject([{ outcome: 'ok' }])
    await expect(fetch(`${started.url}/health`)).rejects.toThrow()
  })

  it('cuts off what outlasts the grace, and records it', async () => {
    const slow = await startFakeEngine({ headDelayMs: 60_000 })
    opened.push(slow)
    const started = await gateway({ routes: { ant: [slow.url] } })
    const answer = started.post(chatPath, chat(), { key }).catch((error: Error) => error)
    await until('the engine has it', () => slow.requests.length === 1)
    await started.gateway.drain(200)
    expect(await answer).toBeInstanceOf(Error)
    expect(started.closes()).toMatchObject([{ outcome: 'cancelled' }])
  })
})

describe('a disk that refuses', () => {
  it('loses no record of what was in flight, stops new work, and mends by itself', async () => {
    const slow = await startFakeEngine({ headDelayMs: 300 })
    opened.push(slow)
    const started = await gateway({ routes: { ant: [slow.url] } })
    const journal = join(started.directory, 'journal')
    renameSync(journal, `${journal}.away`)
    const inFlight = await started.post(chatPath, chat())
    expect(inFlight.status).toBe(200)
    const refused = await started.post(chatPath, chat())
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ error: { code: 'gateway/journal-unavailable' } })
    expect((await fetch(`${started.url}/health`)).status).toBe(503)
    renameSync(`${journal}.away`, journal)
    await until('the record is there', () => started.closes().length === 1)
    expect((await started.post(chatPath, chat())).status).toBe(200)
    expect((await fetch(`${started.url}/health`)).status).toBe(200)
  })
})
