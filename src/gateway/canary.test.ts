import { afterEach, describe, expect, it } from 'vitest'
import { chat, chatPath, startGateway, until, type World } from '../../test/support/gateway.ts'
import { startFakeEngine, type FakeEngine } from '../engines/fake/fake-engine.ts'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})
async function gateway(world: World, options: Parameters<typeof startGateway>[1] = {}) {
  const started = await startGateway(world, options)
  opened.push(started)
  return started
}
async function engine(): Promise<FakeEngine> {
  const started = await startFakeEngine()
  opened.push(started)
  return started
}

describe('a canary', () => {
  it('gets its cohort whatever its share, and nobody else while that is nothing', async () => {
    const [next, before] = [await engine(), await engine()]
    const cohort = { keys: [], header: { name: 'x-beta', values: [] }, users: 0 }
    const started = await gateway({
      routes: { ant: [before.url] },
      canary: { urls: [next.url], weight: 0, cohort },
    })
    for (let at = 0; at < 10; at++) await started.post(chatPath, chat())
    expect([next.requests.length, before.requests.length]).toEqual([0, 10])
    for (let at = 0; at < 5; at++)
      await started.post(chatPath, chat(), { headers: { 'x-beta': 'yes' } })
    expect([next.requests.length, before.requests.length]).toEqual([5, 10])
  })

  it('keeps its users by the `user` of the request', async () => {
    const [next, before] = [await engine(), await engine()]
    const cohort = { keys: [], header: null, users: 0.5 }
    const started = await gateway({
      routes: { ant: [before.url] },
      canary: { urls: [next.url], weight: 0, cohort },
    })
    const sent = new Map<string, Set<string | null>>()
    for (let at = 0; at < 40; at++) {
      const user = `user-${at % 10}`
      const response = await started.post(chatPath, chat({ user }))
      const seen = sent.get(user) ?? new Set()
      sent.set(user, seen.add(response.headers.get('x-baleen-replica')))
      await response.arrayBuffer()
    }
    expect([...sent.values()].every((replicas) => replicas.size === 1)).toBe(true)
    expect(next.requests.length).toBeGreaterThan(0)
    expect(before.requests.length).toBeGreaterThan(0)
  })

  it('that breaks costs its cohort nothing, and the record names it', async () => {
    const [next, before] = [await engine(), await engine()]
    next.behaviour.refusal = { status: 500, headers: {} }
    const cohort = { keys: ['test'], header: null, users: 0 }
    const started = await gateway({
      routes: { ant: [before.url] },
      canary: { urls: [next.url], weight: 0, cohort },
    })
    expect((await started.post(chatPath, chat())).status).toBe(200)
    expect(started.closes()[0]).toMatchObject({
      outcome: 'ok',
      attempts: 2,
      failedOn: [`ant-${next.port}`],
    })
  })
})

describe('a model that sleeps', () => {
  it('is woken by a request, which waits as long as the model says', async () => {
    const started = await gateway(
      { routes: { ant: [] }, wakeMs: 30_000, reason: 'asleep' },
      { config: { holdTimeout: '100ms' } },
    )
    const answer = started.post(chatPath, chat())
    await until('control was asked', () => started.woken.length > 0)
    expect(started.woken).toEqual(['ant'])
    await new Promise((resolve) => setTimeout(resolve, 400))
    started.publish({ routes: { ant: [(await engine()).url] }, wakeMs: 30_000 })
    expect((await answer).status).toBe(200)
  })

  it('gives a stream signs of life until it answers', async () => {
    const started = await gateway(
      { routes: { ant: [] }, wakeMs: 30_000, reason: 'asleep' },
      { heartbeatMs: 100 },
    )
    const response = await started.post(chatPath, chat({ stream: true }))
    expect(response.status).toBe(200)
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    expect((await reader.read()).value).toBe(': waiting: asleep\n\n')
    started.publish({ routes: { ant: [(await engine()).url] }, wakeMs: 30_000 })
    let text = ''
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value
    expect(text).toMatch(/data: \[DONE\]\n\n$/)
    expect(started.closes()[0]).toMatchObject({ outcome: 'ok', attempts: 1 })
  })

  it('tells a stream that waited in vain with an event of the stream', async () => {
    const started = await gateway(
      { routes: { ant: [] }, wakeMs: 400, reason: 'asleep' },
      { heartbeatMs: 100 },
    )
    const text = await (await started.post(chatPath, chat({ stream: true }))).text()
    expect(text).toMatch(/^: waiting/)
    const frame = text.split('\n\n').find((one) => one.startsWith('data: '))
    expect(JSON.parse(frame!.slice(6))).toMatchObject({
      error: { code: 'gateway/no-ready-replica' },
    })
    expect(text).not.toContain('[DONE]')
    expect(started.closes()[0]).toMatchObject({ outcome: 'failed', status: 200 })
  })
})

describe('a node that is lost', () => {
  it('costs no request that has had no byte yet', async () => {
    const [dead, alive] = [await engine(), await engine()]
    dead.behaviour.stallAfterTokens = 0
    const started = await gateway({ routes: { ant: [dead.url] } })
    const answers = [1, 2, 3].map(() => started.post(chatPath, chat()))
    await until('they wait there', () => dead.requests.length === 3)
    started.publish({ routes: { ant: [alive.url] }, lost: [`ant-${dead.port}`] })
    for (const answer of answers) expect((await answer).status).toBe(200)
    expect(alive.requests).toHaveLength(3)
  })

  it('costs a moment where an engine ended and no connection tells of it', async () => {
    const [dead, alive] = [await engine(), await engine()]
    dead.behaviour.stallAfterTokens = 1
    const started = await gateway({ routes: { ant: [dead.url] } })
    const stream = await started.post(chatPath, chat({ stream: true }))
    dead.behaviour.stallAfterTokens = 0
    const answer = started.post(chatPath, chat())
    await until('both wait there', () => dead.requests.length === 2)
    // It may have been found silent before it is known that it has ended.
    started.publish({ routes: { ant: [alive.url] } })
    await new Promise((resolve) => setTimeout(resolve, 200))
    started.publish({ routes: { ant: [alive.url] }, ended: [`ant-${dead.port}`] })
    expect((await answer).status).toBe(200)
    expect(alive.requests).toHaveLength(1)
    // Its client has had a part, and learns that there is no more.
    const text = await stream.text()
    expect(text).toContain('"code":"gateway/upstream-failed"')
    expect(text).not.toContain('[DONE]')
  })
})
