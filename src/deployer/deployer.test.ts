import { describe, expect, it, onTestFinished } from 'vitest'
import { deploymentSpec, type DeploymentSpec } from '../contract/deployment.ts'
import type { SnapshotRoute } from '../contract/snapshot.ts'
import { systemClock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import { silentLog } from '../core/log.ts'
import type { Engine } from '../engines/engine.ts'
import { launchPlan } from '../engines/launch-plan.ts'
import {
  createFakeRuntime,
  createWorld,
  fakeNode,
  type FakeRuntime,
} from '../runtimes/fake/fake.ts'
import { createDeployer, type Deployer, type Wanted } from './deployer.ts'
import { createPreparations, type ModelSource } from './preparation.ts'
import type { ProbeAnswer } from './policy/replica.ts'

const engine: Engine = {
  name: 'test',
  about: 'a test',
  takes: 'file',
  inspection: null,
  metricsAt: 'api',
  honours: [],
  explainFailure: () => null,
  tasks: ['generate', 'embed'],
  metricsPath: null,
  launch: ({ id, deployment, modelPath, port }) =>
    launchPlan({
      argv: ['engine', modelPath, JSON.stringify(deployment.settings), String(port), id],
      drain: { preStopMs: 0, signal: 'SIGTERM', graceMs: 100 },
    }),
  readHealth: () => ({ state: 'ready', reason: 'ready' }),
  parseMetrics: () => {
    throw new Error('not needed')
  },
}

interface Bench {
  readonly deployer: Deployer
  readonly runtime: FakeRuntime
  /** Routes of each snapshot, the last at the end. */
  readonly snapshots: (readonly SnapshotRoute[])[]
  /** What a replica answers when it is asked, by id; `ready` unless set. */
  readonly answers: Map<string, ProbeAnswer | null>
  /** What was written about rollouts. */
  readonly moves: readonly object[]
  readonly readyIds: (route?: string) => string[]
}

const wait = { timeout: 60_000, interval: 10 }

function open(
  wanted: readonly Wanted[],
  options: {
    world?: ReturnType<typeof createWorld>
    source?: ModelSource
    engine?: Engine
  } = {},
): Bench {
  const runtime = createFakeRuntime(options.world)
  const snapshots: (readonly SnapshotRoute[])[] = []
  const answers = new Map<string, ProbeAnswer | null>()
  const moves: object[] = []
  let count = 0
  const generation = Math.random().toString(36).slice(2, 5)
  const deployer = createDeployer({
    runtime,
    engineOf: ({ engine: name }) => {
      if (name === engine.name) return options.engine ?? engine
      throw new AppError('engine/unknown', { message: `no engine "${name}"` })
    },
    createPreparations: (onChange) =>
      createPreparations({
        source:
          options.source ?? (async (model) => ({ path: `/models/${model}`, task: 'generate' })),
        clock: systemClock,
        log: silentLog,
        onChange,
      }),
    runsHere: () => true,
    probe: async (_, url) => {
      const replica = [...runtime.running.values()].find((one) => one.url === url)
      if (!replica) return null
      return answers.has(replica.id)
        ? answers.get(replica.id)!
        : { state: 'ready', reason: 'ready' }
    },
    warm: async () => null,
    callEngine: async () => null,
    readMetrics: async () => null,
    namesOf: (model) => [model.toLowerCase()],
    ledger: {
      setProgress: async (_, __, progress) => void moves.push(progress),
      promote: async (name) => void moves.push({ promoted: name }),
      rollBack: async (name, _, reason) => void moves.push({ back: name, reason }),
    },
    clock: systemClock,
    log: silentLog,
    createSuffix: () => `${generation}${++count}`,
    publish: (routes) => void snapshots.push(routes),
    meter: { reconciled: () => {}, acted: () => {} },
  })
  deployer.setWanted(wanted)
  onTestFinished(() => deployer.close())
  const readyIds = (route = 'ant'): string[] =>
    (snapshots.at(-1) ?? [])
      .filter((one) => one.name === route)
      .flatMap((one) => one.targets.flatMap((target) => target.replicas.map(({ id }) => id)))
  return { deployer, runtime, snapshots, answers, moves, readyIds }
}

const wantedOf = (name: string, changes: Partial<DeploymentSpec> = {}, revision = 1): Wanted => ({
  spec: {
    ...deploymentSpec.parse({ name, model: 'm', engine: 'test', runtime: 'fake' }),
    ...changes,
  },
  revision,
  createdAtMs: 5000,
  updatedAtMs: 5000,
  rollout: null,
})

describe('deployer', () => {
  it('starts what is wanted and routes to it once it is ready', async () => {
    const { deployer, runtime, snapshots, readyIds } = open([wantedOf('ant', { replicas: 2 })])
    await deployer.start()
    await expect.poll(() => readyIds(), wait).toHaveLength(2)
    expect([...runtime.running.keys()].toSorted()).toEqual(readyIds().toSorted())
    expect(deployer.deployments()).toMatchObject([
      { revision: 1, status: '2 of 2 ready', replicas: [{ state: 'ready' }, { state: 'ready' }] },
    ])
    // The route was there from the start, with a reason for those who have to wait.
    expect(snapshots[0]).toMatchObject([
      {
        name: 'ant',
        task: 'generate',
        createdS: 5,
        targets: [{ deployment: 'ant', weight: 1, replicas: [], reason: 'preparing the model' }],
      },
    ])
  })

  it('keeps the routes in the order of creation and joins deployments that share one', async () => {
    const { deployer, snapshots } = open([
      wantedOf('zebra', { route: 'chat' }),
      wantedOf('ant', { task: 'embed' }),
      wantedOf('bee', { route: 'chat', weight: 3 }),
    ])
    await deployer.start()
    expect(snapshots[0]?.map((route) => [route.name, route.task, route.targets.length])).toEqual([
      ['chat', 'generate', 2],
      ['ant', 'embed', 1],
    ])
    expect(snapshots[0]?.[0]?.targets.map((target) => target.weight)).toEqual([1, 3])
  })

  it('tells an engine whose devices each replica gets, `cpu` where its node has none', async () => {
    const ofAmd = fakeNode('two', 1).devices.map((one) => ({ ...one, vendor: 'amd', model: 'MI' }))
    const world = createWorld([fakeNode('one', 1), fakeNode('two', 0, { devices: ofAmd })])
    const told = new Map<string, string | undefined>()
    const telling: Engine = {
      ...engine,
      launch(spec) {
        if (spec.id !== '') told.set(spec.deployment.name, spec.vendor)
        return { ...engine.launch(spec), warnings: [`not on ${spec.vendor}`] }
      },
    }
    const wanted = [
      wantedOf('ant', { hardware: 'mi:1' }),
      wantedOf('bee', { hardware: 'fake 80gb:1' }),
    ]
    const { deployer } = open(wanted, { world, engine: telling })
    await deployer.start()
    await expect.poll(() => Object.fromEntries(told), wait).toEqual({ ant: 'amd', bee: 'fake' })
    const warnings = () => deployer.deployments().map((one) => one.warnings)
    await expect.poll(warnings, wait).toEqual([['not on amd'], ['not on fake']])

    const bare = open([wantedOf('cat')], {
      world: createWorld([fakeNode('bare', 0)]),
      engine: telling,
    })
    await bare.deployer.start()
    await expect.poll(() => told.get('cat'), wait).toBe('cpu')
  })

  it('restarts what ends, and says why', async () => {
    const { deployer, runtime, readyIds } = open([wantedOf('ant')])
    await deployer.start()
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    const [first] = readyIds()
    runtime.say(first!, 'out of memory')
    runtime.end(first!, 7)
    await expect.poll(() => readyIds(), wait).toEqual([])
    expect(deployer.deployments()[0]?.status).toContain(
      'ended with code 7: out of memory; next try',
    )
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    expect(readyIds()).not.toEqual([first])
    expect(deployer.replicas()).toMatchObject([{ restarts: 1 }])
  })

  it('replaces a replica that says it failed', async () => {
    const { deployer, answers, readyIds } = open([wantedOf('ant')])
    await deployer.start()
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    const [first] = readyIds()
    answers.set(first!, { state: 'failed', reason: 'the model loop stands still' })
    await expect.poll(() => readyIds().find((id) => id !== first), wait).toBeDefined()
    expect(deployer.deployments()[0]?.replicas).toMatchObject([{ restarts: 1 }])
  })

  it('changes settings without a moment when nothing is ready', async () => {
    const { deployer, runtime, snapshots, readyIds } = open([wantedOf('ant')])
    await deployer.start()
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    const [first] = readyIds()
    const before = snapshots.length
    const settings = { ...wantedOf('ant').spec.settings, sequencesMax: 2 }
    deployer.setWanted([wantedOf('ant', { settings }, 2)])
    expect(deployer.deployments()).toMatchObject([
      { status: expect.stringMatching(/^1 of 1 ready: updating, /), updated: 0 },
    ])
    await expect.poll(() => runtime.running.has(first!), wait).toBe(false)
    const counts = snapshots.slice(before).map((routes) => routes[0]?.targets[0]?.replicas.length)
    expect(Math.min(...counts.map(Number))).toBe(1)
    expect(deployer.replicas()).toHaveLength(1)
    expect(deployer.deployments()).toMatchObject([{ status: '1 of 1 ready', updated: 1 }])
  })

  it('tells of an update that does not get ready while the older replicas serve', async () => {
    const { deployer, answers, runtime, readyIds } = open([wantedOf('ant')])
    await deployer.start()
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    const [first] = readyIds()
    const settings = { ...wantedOf('ant').spec.settings, sequencesMax: 2 }
    deployer.setWanted([wantedOf('ant', { settings }, 2)])
    const failNew = () => {
      for (const id of runtime.running.keys())
        if (id !== first) answers.set(id, { state: 'failed', reason: 'no room' })
      return deployer.deployments()[0]
    }
    await expect.poll(() => failNew()?.failures, wait).toBeGreaterThan(0)
    expect(deployer.deployments()).toMatchObject([
      { status: expect.stringMatching(/^1 of 1 ready: updating, no room; next try/), updated: 0 },
    ])
    expect(readyIds()).toEqual([first])
  })

  it('does not restart for a change of count or weight', async () => {
    const { deployer, runtime, readyIds } = open([wantedOf('ant')])
    await deployer.start()
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    const [first] = readyIds()
    deployer.setWanted([wantedOf('ant', { replicas: 2, weight: 5 }, 2)])
    await expect.poll(() => readyIds(), wait).toHaveLength(2)
    expect(readyIds()).toContain(first)
    deployer.setWanted([wantedOf('ant', { replicas: 1, weight: 5 }, 3)])
    expect(readyIds()).toEqual([first])
    await expect.poll(() => [...runtime.running.keys()], wait).toEqual([first])
  })

  it('takes a deleted deployment out of the snapshot at once, then ends its replicas', async () => {
    const { deployer, runtime, snapshots, readyIds } = open([wantedOf('ant')])
    await deployer.start()
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    deployer.setWanted([])
    expect(snapshots.at(-1)).toEqual([])
    expect(runtime.running.size).toBe(1)
    await expect.poll(() => runtime.running.size, wait).toBe(0)
    expect(deployer.replicas()).toEqual([])
  })

  it('adopts what an earlier control left, and its first snapshot drops nobody', async () => {
    const world = createWorld()
    const first = open([wantedOf('ant', { replicas: 2 })], { world })
    await first.deployer.start()
    await expect.poll(() => first.readyIds(), wait).toHaveLength(2)
    first.deployer.close()

    const never: ModelSource = () => new Promise(() => {})
    const second = open([wantedOf('ant', { replicas: 2 })], { world, source: never })
    await second.deployer.start()
    const ids = second.snapshots[0]?.[0]?.targets[0]?.replicas.map((one) => one.id)
    expect(ids?.toSorted()).toEqual(first.readyIds().toSorted())
    expect(second.runtime.running.size).toBe(2)
  })

  it('ends what an earlier control left of a deployment that is gone', async () => {
    const world = createWorld()
    const first = open([wantedOf('ant')], { world })
    await first.deployer.start()
    await expect.poll(() => first.readyIds(), wait).toHaveLength(1)
    first.deployer.close()
    const second = open([], { world })
    await second.deployer.start()
    await expect.poll(() => second.runtime.running.size, wait).toBe(0)
  })

  it('shows how far a model is, and tries again when it could not be had', async () => {
    let attempts = 0
    const gate = Promise.withResolvers<void>()
    const source: ModelSource = async (model, { onProgress }) => {
      attempts++
      if (attempts === 1) {
        onProgress('fetching the model, 40 %', { doneBytes: 4, totalBytes: 10 })
        await gate.promise
        throw new AppError('model/download-failed', { message: 'no answer' })
      }
      return { path: `/models/${model}`, task: 'generate' }
    }
    const { deployer, snapshots, readyIds } = open([wantedOf('ant')], { source })
    await deployer.start()
    const reason = () => snapshots.at(-1)?.[0]?.targets[0]?.reason
    await expect.poll(reason, wait).toBe('fetching the model, 40 %')
    expect(deployer.deployments()[0]).toMatchObject({
      status: '0 of 1 ready: fetching the model, 40 %',
      preparation: { doneBytes: 4, totalBytes: 10, error: null },
    })
    gate.resolve()
    await expect
      .poll(reason, wait)
      .toMatch(/^model\/download-failed: no answer\. .+; next try in 2s$/)
    expect(deployer.deployments()[0]?.preparation?.error).toMatchObject({
      code: 'model/download-failed',
      isLasting: false,
      failures: 1,
    })
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    expect(attempts).toBe(2)
  })

  it('gives up a model that nobody wants any more, and tries one again at once when asked to', async () => {
    const asked: string[] = []
    const stopped: string[] = []
    const source: ModelSource = async (model, { signal }) => {
      asked.push(model)
      if (model === 'wrong') throw new AppError('model/not-found', { message: 'there is none' })
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      stopped.push(model)
      throw signal.reason
    }
    const wanted = [wantedOf('ant', { model: 'large' }), wantedOf('bee', { model: 'wrong' })]
    const { deployer } = open(wanted, { source })
    await deployer.start()
    await expect.poll(() => asked, wait).toEqual(['large', 'wrong'])
    deployer.setWanted(wanted.slice(1))
    await expect.poll(() => stopped, wait).toEqual(['large'])
    const bee = () => deployer.deployments()[0]
    await expect
      .poll(() => bee()?.preparation?.error, wait)
      .toMatchObject({ code: 'model/not-found', isLasting: true })
    await expect.poll(() => bee()?.status, wait).toContain('next try in 5m')
    deployer.retry('bee')
    await expect.poll(() => asked, wait).toEqual(['large', 'wrong', 'wrong'])
  })

  it('starts nothing before draft models and adapters are there, too', async () => {
    const { settings } = wantedOf('ant').spec
    const speculation = { method: 'draft' as const, model: 'hf:org/draft', tokens: 3 }
    const gate = Promise.withResolvers<void>()
    const source: ModelSource = async (model, { onProgress }) => {
      onProgress(`fetching ${model}`, null)
      if (model === 'hf:org/draft') await gate.promise
      return { path: `/models/${model}`, task: 'generate' }
    }
    const wanted = [wantedOf('ant', { settings: { ...settings, speculation } })]
    const { deployer, readyIds } = open(wanted, { source })
    await deployer.start()
    const status = () => deployer.deployments()[0]?.status
    await expect.poll(status, wait).toBe('0 of 1 ready: fetching hf:org/draft')
    gate.resolve()
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
  })

  it('does not give text to be written to a model that makes embeddings', async () => {
    const source: ModelSource = async () => ({ path: '/models/e.gguf', task: 'embed' })
    const { deployer, readyIds } = open([wantedOf('ant'), wantedOf('bee', { task: 'embed' })], {
      source,
    })
    await deployer.start()
    await expect.poll(() => readyIds('bee'), wait).toHaveLength(1)
    expect(deployer.deployments()[0]?.preparation?.error?.code).toBe('request/invalid')
  })

  it('says so when an engine is unknown, and goes on with the others', async () => {
    const { deployer, readyIds } = open([wantedOf('bee', { engine: 'none' }), wantedOf('ant')])
    await deployer.start()
    await expect.poll(() => readyIds(), wait).toHaveLength(1)
    expect(deployer.deployments()[0]?.status).toContain(
      '0 of 1 ready: engine/unknown: no engine "none"',
    )
  })

  it('ends everything in order when told to', async () => {
    const { deployer, runtime, snapshots } = open([wantedOf('ant', { replicas: 3 })])
    await deployer.start()
    await deployer.stopAll()
    expect(runtime.running.size).toBe(0)
    expect(deployer.replicas()).toEqual([])
    expect(snapshots.at(-1)?.[0]?.targets[0]?.replicas).toEqual([])
  })

  it('leaves alone what is kept: it stays in the snapshot for the next', async () => {
    const { deployer, runtime, snapshots, readyIds } = open([wantedOf('ant', { replicas: 2 })])
    await deployer.start()
    await expect.poll(() => readyIds(), wait).toHaveLength(2)
    await deployer.stopAll((name) => name === runtime.name)
    expect(runtime.running.size).toBe(2)
    expect(snapshots.at(-1)?.[0]?.targets[0]?.replicas).toHaveLength(2)
  })
})
