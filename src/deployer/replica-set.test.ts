import { describe, expect, it } from 'vitest'
import { systemClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import { launchPlan } from '../engines/launch-plan.ts'
import { createFakeRuntime } from '../runtimes/fake/fake.ts'
import type { RunningReplica, Runtime } from '../runtimes/runtime.ts'
import type { Launch } from './launch.ts'
import { createReplicaSet } from './replica-set.ts'

const launch: Launch = {
  specHash: 'v1',
  loadTimeoutMs: 1000,
  drainMs: 100,
  probePath: '/health',
  usesDevices: true,
  pair: null,
  adapters: null,
  warnings: [],
  warningsOn: () => [],
  plan: () => launchPlan({ argv: [] }),
}

const wish = {
  deployment: 'ant',
  revision: 1,
  launch,
  devices: [],
  vendor: null,
  rules: { labels: {}, tolerates: [] },
  reason: 'a test',
  place: { runtime: null, node: null },
}

function bench(changes: Partial<Runtime> = {}, explain?: () => string | null) {
  const fake = createFakeRuntime()
  const failures: string[] = []
  let count = 0
  const set = createReplicaSet({
    runtime: { ...fake, ...changes },
    clock: systemClock,
    log: silentLog,
    createSuffix: () => String(++count),
    probe: async () => ({ state: 'ready', reason: 'ready' }),
    warm: async () => null,
    drainMsOf: () => 100,
    explain: explain ?? (() => null),
    onFailure: (deployment) => void failures.push(deployment),
    onChange: () => {},
  })
  const start = (): void => set.start(wish)
  const isUp = () => expect.poll(() => set.all().every(({ pid }) => pid !== null)).toBe(true)
  return { fake, set, failures, start, isUp, ids: () => set.all().map(({ id }) => id) }
}

describe('replica set', () => {
  it('notes a start at once, so that no second look starts another', async () => {
    const { set, fake, start, isUp } = bench()
    start()
    expect(set.all()).toMatchObject([{ id: 'ant-1', phase: 'serving', pid: null }])
    await isUp()
    expect([...fake.running.keys()]).toEqual(['ant-1'])
  })

  it('says why one ended as its engine reads it', async () => {
    const { set, fake, start, isUp } = bench({}, () => 'out of GPU memory: lower contextTokens')
    start()
    await isUp()
    fake.end('ant-1', 1)
    expect(set.restarts.get('ant v1')?.reason).toBe('out of GPU memory: lower contextTokens')
  })

  it('says what its runtime knows better than any log', async () => {
    const { set, fake, start, isUp } = bench({}, () => 'something in the log')
    start()
    await isUp()
    const code = 'runtime/image-not-found'
    fake.end('ant-1', 1, { code, message: 'x can’t be pulled', mend: 'Do.' })
    expect(set.restarts.get('ant v1')?.reason).toBe(
      'runtime/image-not-found: x can’t be pulled. Do.',
    )
  })

  it('tells of one that ended by itself, not of one that was told to', async () => {
    const { set, fake, start, isUp, ids } = bench({})
    start()
    await isUp()
    set.stop('ant-1', 'enough', false)
    await expect.poll(ids).toEqual([])
    expect(set.crashedLately()).toEqual([])
    start()
    await isUp()
    const [id = ''] = ids()
    fake.end(id, 1)
    expect(set.crashedLately()).toEqual([id])
  })

  it('starts nothing when the start is called off before it began', async () => {
    const port = Promise.withResolvers<{ host: string; port: number }>()
    let starts = 0
    const { set, start, ids } = bench({
      endpoint: () => port.promise,
      start: async () => Promise.reject(new Error(`start ${++starts}`)),
    })
    start()
    set.stop('ant-1', 'changed my mind', false)
    port.resolve({ host: '127.0.0.1', port: 1 })
    await expect.poll(ids).toEqual([])
    expect(starts).toBe(0)
  })

  it('does not believe a list that was taken before a replica ended', async () => {
    const lists: ((list: readonly RunningReplica[]) => void)[] = []
    const list = () => new Promise<readonly RunningReplica[]>((resolve) => lists.push(resolve))
    const { set, fake, start, isUp, ids } = bench({ list })
    start()
    await isUp()
    const before = [...fake.running.values()]
    const observing = set.observe()
    fake.end('ant-1', 1)
    lists[0]?.(before)
    await observing
    expect(ids()).toEqual([])
  })

  it('does not give up a replica that was started after the list was taken', async () => {
    const lists: ((list: readonly RunningReplica[]) => void)[] = []
    const list = () => new Promise<readonly RunningReplica[]>((resolve) => lists.push(resolve))
    const { set, start, isUp, ids } = bench({ list })
    const observing = set.observe()
    start()
    await isUp()
    lists[0]?.([])
    await observing
    expect(ids()).toEqual(['ant-1'])
  })

  it('gives up a replica that went without a word, makes sure of it, and backs off', async () => {
    const { set, fake, failures, start, isUp, ids } = bench({ list: async () => [] })
    start()
    await isUp()
    await set.observe()
    await expect.poll(ids).toEqual([])
    expect(failures).toEqual(['ant'])
    expect(set.restarts.get('ant v1')).toMatchObject({ failures: 1, reason: 'its process is gone' })
    expect(fake.running.size).toBe(0)
  })

  it('keeps a replica that can not be stopped, to try again', async () => {
    let attempts = 0
    const stop = async () => {
      if (++attempts === 1) throw new Error('outlives SIGKILL')
    }
    const { set, start, isUp, ids } = bench({ stop })
    start()
    await isUp()
    set.stop('ant-1', 'a test', false)
    await expect.poll(() => set.all()).toMatchObject([{ id: 'ant-1', phase: 'leaving' }])
    set.stop('ant-1', 'a test', false)
    await expect.poll(ids).toEqual([])
    expect(attempts).toBe(2)
  })

  it('backs off when a start fails, and says why', async () => {
    const start = async () => Promise.reject(new Error('no such file'))
    const { set, failures, ids, start: begin } = bench({ start })
    begin()
    await expect.poll(ids).toEqual([])
    expect(failures).toEqual(['ant'])
    expect(set.restarts.get('ant v1')?.reason).toBe('no such file')
    expect(set.lastEnded.get('ant')).toBe('ant-1')
  })

  it('does not count the end of a replica that was leaving as a failure', async () => {
    const { set, fake, failures, start, isUp, ids } = bench()
    start()
    await isUp()
    set.leave('ant-1', 'a test')
    fake.end('ant-1', 1)
    expect(ids()).toEqual([])
    expect(failures).toEqual([])
  })

  it('says what keeps an engine from being started, and asks it nothing meanwhile', async () => {
    let waiting: string | null = 'queued: no quota left'
    const fake = createFakeRuntime()
    const { set, start, isUp } = bench({
      ...fake,
      start: async (...words) => ({ ...(await fake.start(...words)), waiting }),
      list: async () => (await fake.list()).map((one) => ({ ...one, waiting })),
    })
    start()
    await isUp()
    await set.probe()
    expect(set.all()).toMatchObject([{ health: 'loading', reason: 'queued: no quota left' }])
    waiting = null
    await set.observe()
    await set.probe()
    expect(set.all()).toMatchObject([{ health: 'ready', reason: 'ready' }])
  })

  it('learns an address later, and brings one that was started anew elsewhere to readiness again', async () => {
    let seen: Partial<RunningReplica> = {}
    const runtime = createFakeRuntime()
    const list = async () => (await runtime.list()).map((one) => ({ ...one, ...seen }))
    const { set, start, isUp } = bench({ ...runtime, list })
    start()
    await isUp()
    const next = async (changes: Partial<RunningReplica>) => {
      seen = changes
      await set.observe()
      await set.probe()
      return set.all()[0]
    }
    const ready = { url: 'http://a', health: 'ready', isWarm: true }
    expect(await next({ url: 'http://a', waiting: null })).toMatchObject(ready)
    expect(await next({ url: '', waiting: 'pulls its image', node: 'b' })).toMatchObject({
      node: 'b',
      health: 'loading',
      isWarm: false,
      reason: 'pulls its image',
    })
    const there = { ...ready, url: 'http://b' }
    expect(await next({ url: 'http://b', waiting: null, node: 'b' })).toMatchObject(there)
    set.lose('b', 'it is silent')
    expect(await next({ url: 'http://c', waiting: null, node: 'c' })).toMatchObject({
      phase: 'serving',
      node: 'c',
      health: 'ready',
    })
  })
})
