import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../src/contract/deployment.ts'
import type { SnapshotRoute } from '../../src/contract/snapshot.ts'
import { AppError } from '../../src/core/errors.ts'
import { silentLog } from '../../src/core/log.ts'
import type { Assignment } from '../../src/core/node.ts'
import { createDeployer } from '../../src/deployer/deployer.ts'
import { combineRuntimes } from '../../src/runtimes/combined.ts'
import { createFakeRuntime, createWorld, fakeNode } from '../../src/runtimes/fake/fake.ts'
import type { Runtime } from '../../src/runtimes/runtime.ts'
import { testEngine } from './test-engine.ts'
import { createTime } from './time.ts'

/** Two clusters and this machine; the fakes keep the contract that the real runtimes keep. */
const places = {
  process: [fakeNode('here', 1, { runtime: 'process' })],
  prod: ['a', 'b'].map((zone) => fakeNode(`prod/${zone}`, 2, { runtime: 'prod', zone })),
  ray: [fakeNode('ray/one', 2, { runtime: 'ray', zone: 'c' })],
}
type Place = keyof typeof places

async function open(...specs: object[]) {
  const time = createTime()
  const away = new Set<string>()
  const asked: Assignment[] = []
  const fakes = Object.entries(places).map(([name, nodes], index) => {
    const world = createWorld(nodes)
    // Probes find a replica by its address.
    world.nextPort += 1000 * index
    const fake = createFakeRuntime(world, name)
    const unlessAway = async <T>(ask: () => Promise<T>): Promise<T> => {
      if (away.has(name)) throw new AppError('runtime/unreachable', { message: `${name} is away` })
      return ask()
    }
    return {
      ...fake,
      spansNodes: name === 'prod',
      async start(...[identity, plan, assignment]: Parameters<Runtime['start']>) {
        asked.push(assignment)
        // Its cluster chooses the nodes, and says later that their devices are taken.
        if (assignment.nodes > 1)
          for (const { name: node, devices } of world.nodes)
            world.set(node, { devices: devices.map((one) => ({ ...one, freeMemoryBytes: 0 })) })
        return fake.start(identity, plan, assignment)
      },
      inventory: () => unlessAway(() => fake.inventory()),
      list: () => unlessAway(() => fake.list()),
      stop: (id: string, graceMs: number) => unlessAway(() => fake.stop(id, graceMs)),
    }
  })
  const find = (name: Place) => fakes.find((one) => one.name === name)!
  const [first, ...others] = fakes
  const outside = createFakeRuntime(createWorld([]), 'external')
  const runtime = combineRuntimes([first!, ...others], outside, () => {})
  let routes: readonly SnapshotRoute[] = []
  let count = 0
  const deployer = createDeployer({
    runtime,
    engineOf: () => testEngine,
    runsHere: () => true,
    createPreparations: () => ({
      of: (model) => ({ state: 'ready', path: model, task: 'generate' }),
      keepOnly: () => {},
      recheck: () => {},
      retry: () => {},
      close: () => {},
    }),
    probe: async (_, url) => {
      const home = fakes.find((one) => [...one.running.values()].some((it) => it.url === url))
      return home && !away.has(home.name) ? { state: 'ready', reason: 'ready' } : null
    },
    warm: async () => null,
    callEngine: async () => null,
    readMetrics: async () => null,
    namesOf: () => ['gpu'],
    ledger: { setProgress: async () => {}, promote: async () => {}, rollBack: async () => {} },
    clock: { nowMs: time.nowMs, monotonicMs: time.nowMs },
    log: silentLog,
    createSuffix: () => String(++count),
    publish: (next) => void (routes = next),
    meter: { reconciled: () => {}, acted: () => {} },
    schedule: { every: time.every, soon: (work) => time.after(0, work) },
  })
  deployer.setWanted(
    specs.map((spec) => ({
      spec: deploymentSpec.parse({ model: 'm', engine: 'test', hardware: 'gpu', ...spec }),
      revision: 1,
      createdAtMs: 0,
      updatedAtMs: 0,
      rollout: null,
    })),
  )
  const started = deployer.start()
  await time.advance(1000)
  await started
  return {
    time,
    find,
    away,
    asked,
    /** Nodes of the replicas that get traffic. */
    at: (route: string): string[] => {
      const ids = routes
        .filter(({ name }) => name === route)
        .flatMap(({ targets }) => targets.flatMap(({ replicas }) => replicas.map(({ id }) => id)))
      const nodes = deployer.replicas().filter(({ id }) => ids.includes(id))
      return nodes.map(({ node }) => node ?? '?').toSorted()
    },
    statusOf: (name: string) =>
      deployer.deployments().find(({ spec }) => spec.name === name)?.status,
  }
}

describe('the reconcile loop over several runtimes', () => {
  it('starts a deployment in the runtime that it names, and nowhere else', async () => {
    const { at, statusOf, find } = await open(
      { name: 'ant', runtime: 'prod', replicas: 2 },
      { name: 'bee', runtime: 'ray', hardware: 'gpu:2' },
      { name: 'cat', replicas: 2 },
    )
    expect(at('ant')).toEqual(['prod/a', 'prod/b'])
    expect(at('bee')).toEqual(['ray/one'])
    expect([...find('ray').running.values()][0]?.devices).toHaveLength(2)
    // Others have room, but nobody said that it may go there.
    expect(at('cat')).toEqual(['here'])
    expect(statusOf('cat')).toMatch(/1 of 2 ready: no room for 1 × gpu: .*in prod, wanted process/)
  })

  it('takes the clusters in the order in which they are named', async () => {
    const { at } = await open({
      name: 'ant',
      replicas: 3,
      placement: { clusters: ['ray', 'prod'], spread: { over: 'none' } },
    })
    expect(at('ant').filter((node) => node === 'ray/one')).toHaveLength(2)
  })

  it('rebuilds what a zone took with it by priority, and the rest when the zone is back', async () => {
    const { at, find, time, statusOf } = await open(
      { name: 'ant', runtime: 'prod', replicas: 2, priority: 5 },
      { name: 'bee', runtime: 'prod', replicas: 2 },
    )
    expect([at('ant'), at('bee')]).toEqual([
      ['prod/a', 'prod/b'],
      ['prod/a', 'prod/b'],
    ])
    find('prod').loseNode('prod/b')
    await time.advance(100)
    expect(at('ant')).toEqual(['prod/a'])
    await time.advance(10_000)
    expect([at('ant'), at('bee')]).toEqual([['prod/a', 'prod/a'], []])
    expect(statusOf('bee')).toMatch(/can't be reached/)
    find('prod').bringBack('prod/b')
    await time.advance(20_000)
    expect(at('ant')).toHaveLength(2)
    expect(at('bee')).toHaveLength(2)
  })

  it('rebuilds a whole cluster elsewhere, the most important first, and ends what came back too much', async () => {
    const clusters = ['prod', 'ray']
    const { at, away, find, time, statusOf } = await open(
      { name: 'ant', replicas: 2, placement: { clusters }, priority: 5 },
      { name: 'bee', replicas: 2, placement: { clusters } },
    )
    expect([...at('ant'), ...at('bee')].filter((node) => node.startsWith('prod'))).toHaveLength(4)
    away.add('prod')
    // Seen with the next look at the nodes; from then on at once.
    await time.advance(6000)
    expect([...at('ant'), ...at('bee')].filter((node) => node.startsWith('prod'))).toEqual([])
    await time.advance(4000)
    expect(at('ant')).toEqual(['ray/one', 'ray/one'])
    expect(statusOf('bee')).toMatch(/0 of 2 ready: .*prod is away/)
    away.delete('prod')
    await time.advance(30_000)
    expect([at('ant').length, at('bee').length]).toEqual([2, 2])
    const all = (['prod', 'ray'] as const).flatMap((name) => [...find(name).running.values()])
    expect(all).toHaveLength(4)
  })

  it('asks a cluster for several nodes at once, and gives away meanwhile nothing of what they need', async () => {
    const { asked, statusOf, time, find } = await open(
      {
        name: 'ant',
        runtime: 'prod',
        replicas: 2,
        hardware: 'gpu:4',
        placement: { nodes: 2 },
      },
      { name: 'bee', runtime: 'prod' },
    )
    expect(asked).toMatchObject([
      {
        runtime: 'prod',
        node: null,
        nodes: 2,
        devices: [],
        accelerators: { vendor: 'fake', model: 'Fake 80GB', profile: null, count: 2 },
      },
    ])
    await time.advance(20_000)
    expect(find('prod').running.size).toBe(1)
    expect(statusOf('ant')).toBe(
      '1 of 2 ready: no room for 2 nodes with 2 × gpu each: 0 of prod have them free',
    )
    expect(statusOf('bee')).toMatch(/^0 of 1 ready: no room for 1 × gpu/)
  })

  it('lets a node that comes and goes wait before it gets anything new', async () => {
    const { at, find, time, statusOf } = await open({
      name: 'ant',
      runtime: 'ray',
      hardware: 'gpu:2',
    })
    for (let times = 0; times < 3; times++) {
      find('ray').loseNode('ray/one')
      await time.advance(2000)
      find('ray').bringBack('ray/one')
      await time.advance(8000)
    }
    // What runs there goes on: only what is new waits.
    expect(at('ant')).toEqual(['ray/one'])
    const [id = ''] = find('ray').running.keys()
    find('ray').end(id, 1)
    await time.advance(60_000)
    expect(at('ant')).toEqual([])
    expect(statusOf('ant')).toMatch(/came and went, is trusted again in/)
    await time.advance(15 * 60_000)
    expect(at('ant')).toEqual(['ray/one'])
  })
})
