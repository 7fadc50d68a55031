import { deploymentSpec, type DeploymentSpec } from '../../src/contract/deployment.ts'
import { runsAlike } from '../../src/contract/deployment-change.ts'
import type { Log } from '../../src/core/log.ts'
import { createRandom } from '../../src/core/random.ts'
import type { Node } from '../../src/core/node.ts'
import type { Engine } from '../../src/engines/engine.ts'
import { launchPlan } from '../../src/engines/launch-plan.ts'
import { fakeNode } from '../../src/runtimes/fake/fake.ts'
import type { RunningReplica, Runtime, RuntimeEvent } from '../../src/runtimes/runtime.ts'
import { createTime, never } from './time.ts'
import { createDeployer, type Deployer, type Wanted } from '../../src/deployer/deployer.ts'

/**
 * A simulated world around the real reconcile loop: nodes that come and go, engines that start slowly, crash or never
 * get ready, watches that lose events, lists that are old, a control that is killed. Time is simulated; one seed gives
 * one course of events. Everything that must never happen is looked for after every event.
 */
export interface World {
  /** One random event. */
  step(): Promise<void>
  /** No more trouble: all that is wanted has to come about. */
  settle(): Promise<void>
  readonly violations: readonly string[]
  /** What has happened how often, to see that the course was a rough one. */
  readonly events: ReadonlyMap<string, number>
  end(): void
}

interface Engineered {
  readonly running: RunningReplica
  readonly readyAtMs: number
  /** Null: it lives. */
  readonly crashesAtMs: number | null
}

const deploymentNames = ['ant', 'bee', 'cat', 'dog', 'elk', 'fox']
const settleMs = 900_000

export async function createWorld(seed: number): Promise<World> {
  const random = createRandom(seed)
  const violations: string[] = []
  const events = new Map<string, number>()
  const tell = (event: string): void => void events.set(event, (events.get(event) ?? 0) + 1)
  const chance = (share: number): boolean => random() < share
  const within = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1))
  const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(random() * all.length)]

  const time = createTime()
  const trouble = { losesEvents: false, readsOld: false, isQuiet: false }
  let nodes: readonly Node[] = Array.from({ length: 5 }, (_, at) =>
    fakeNode(`node-${at}`, [4, 4, 2, 2, 1][at]!, { zone: `zone-${at % 3}` }),
  )
  const running = new Map<string, Engineered>()
  let old: { readonly atMs: number; readonly list: readonly RunningReplica[] } | null = null
  let generation = 0
  let listeners: ((event: RuntimeEvent) => void)[] = []
  const emit = (event: RuntimeEvent): void => {
    if (trouble.losesEvents) return tell('event lost')
    for (const listener of listeners) listener(event)
  }
  const nodeOf = (name: string | null): Node | undefined => nodes.find((one) => one.name === name)
  const isReached = ({ running: { node } }: Engineered): boolean => nodeOf(node)?.state === 'ready'

  // What is wanted, as the store keeps it.
  const wanted = new Map<string, Wanted>()
  const drained = new Map<string, string>()
  let revision = 0
  const change = (spec: DeploymentSpec): void => {
    const { name } = spec
    const stored = wanted.get(name)
    const fresh = { step: 0, bakingSinceMs: null, paused: null }
    const open = stored?.rollout ?? null
    const from = open ? open.from : stored ? { revision: stored.revision, spec: stored.spec } : null
    const rollout = stored && runsAlike(stored.spec, spec) ? open : { ...fresh, from }
    wanted.set(name, { spec, revision: ++revision, createdAtMs: 0, updatedAtMs: 0, rollout })
    tellWanted()
  }
  const tellWanted = (): void => deployer.setWanted([...wanted.values()])
  const promised = new Map<string, number>()

  const log: Log = createListeningLog((fields, message) => {
    if (message === 'leaves') judgeLeave(String(fields['replica']), String(fields['reason']))
  })

  const runtime: Runtime = {
    name: 'fake',
    inventory: async () => nodes,
    endpoint: async () => ({ host: '127.0.0.1', port: time.id() }),
    async start(identity, plan, assignment) {
      const by = generation
      await time.pause(within(0, 2000))
      if (by !== generation) return never()
      const node = nodeOf(assignment.node)
      if (node?.state !== 'ready') throw new Error(`no node ${assignment.node}`)
      if (chance(trouble.isQuiet ? 0 : 0.02)) throw new Error('can not be started')
      for (const id of assignment.devices) {
        const holders = [...running.values()].filter(({ running: one }) => one.devices.includes(id))
        for (const holder of holders)
          violations.push(
            `${time.nowMs()}: ${identity.id} gets ${id}, which ${holder.running.id} still has`,
          )
      }
      const one: RunningReplica = {
        ...identity,
        pid: time.id(),
        url: `http://${identity.id}`,
        startedAtMs: time.nowMs(),
        node: assignment.node,
        devices: assignment.devices,
        waiting: null,
      }
      const isBad = plan.argv.includes('bad')
      const loadMs = chance(0.1) ? within(20_000, 80_000) : within(500, 5000)
      running.set(identity.id, {
        running: one,
        readyAtMs: isBad ? Infinity : time.nowMs() + loadMs,
        crashesAtMs: isBad ? time.nowMs() + within(100, 3000) : null,
      })
      tell('start')
      if (isBad) time.after(within(100, 3000), () => crash(identity.id))
      return one
    },
    async stop(id, graceMs) {
      const by = generation
      await time.pause(within(0, Math.min(graceMs, 3000)))
      if (by !== generation) return never()
      const one = running.get(id)
      if (one && !isReached(one)) throw new Error('the node can not be reached')
      running.delete(id)
      tell('stop')
    },
    async list() {
      const now = [...running.values()].filter(isReached).map((one) => one.running)
      // What a control reads first is consistent; later lists may come from a cache.
      if (trouble.readsOld && old && time.nowMs() - old.atMs < 3000 && chance(0.5)) {
        tell('old list')
        return old.list
      }
      old = { atMs: time.nowMs(), list: now }
      return now
    },
    watch: (listener) => void listeners.push(listener),
    logs: () => {
      throw new Error('nobody reads logs here')
    },
    close: async () => {},
  }

  let deployer = open()
  tellWanted()
  await begin()

  function open(): Deployer {
    listeners = []
    old = null
    let count = 0
    generation = time.id()
    const suffix = generation
    return createDeployer({
      runtime,
      engineOf: () => engine,
      createPreparations: () => ({
        of: (model) => ({ state: 'ready', path: model }),
        recheck: () => {},
        close: () => {},
      }),
      async probe(_, url) {
        await time.pause(within(0, 20))
        const one = running.get(url.slice('http://'.length))
        if (!one || !isReached(one)) return null
        if (!trouble.isQuiet && chance(0.02)) return null
        const state = time.nowMs() >= one.readyAtMs ? 'ready' : 'loading'
        return { state, reason: state }
      },
      warm: async () => (chance(0.02) ? 'no token came' : null),
      namesOf: () => ['gpu'],
      ledger: {
        async setProgress(name, at, progress) {
          const one = wanted.get(name)
          if (one?.revision !== at || !one.rollout) return
          wanted.set(name, { ...one, rollout: { ...one.rollout, ...progress } })
          tellWanted()
        },
        async promote(name, at) {
          const one = wanted.get(name)
          if (one?.revision !== at) return
          tell('promoted')
          wanted.set(name, { ...one, rollout: null })
          tellWanted()
        },
        async rollBack(name, at) {
          const one = wanted.get(name)
          if (one?.revision !== at || !one.rollout?.from) return
          tell('rolled back')
          const spec = { ...one.rollout.from.spec, replicas: one.spec.replicas }
          wanted.set(name, { ...one, spec, revision: ++revision, rollout: null })
          tellWanted()
        },
      },
      clock: { nowMs: () => time.nowMs(), monotonicMs: () => time.nowMs() },
      log,
      createSuffix: () => `${suffix}x${++count}`,
      publish: (routes) => {
        for (const route of routes)
          for (const target of route.targets)
            for (const { id } of target.replicas) {
              const one = running.get(id)
              if (one && time.nowMs() < one.readyAtMs)
                violations.push(`${time.nowMs()}: ${id} gets traffic before it is ready`)
            }
      },
      meter: { reconciled: () => {}, acted: () => {} },
      schedule: { every: (ms, work) => time.every(ms, work), soon: (work) => time.after(0, work) },
    })
  }

  async function begin(): Promise<void> {
    const started = deployer.start()
    await time.advance(100)
    await started
  }

  /** Of its own accord the loop never goes below what was promised. */
  function judgeLeave(id: string, reason: string): void {
    if (/makes room for|is scaled to|was deleted/.test(reason)) return
    const replicas = deployer.replicas()
    const leaving = replicas.find((one) => one.id === id)
    const spec = wanted.get(leaving?.deployment ?? '')?.spec
    if (!leaving || !spec) return
    const ready = replicas.filter(
      (one) => one.deployment === leaving.deployment && one.state === 'ready' && one.id !== id,
    ).length
    // By the time it is logged it has left: what it was is seen by whether it had been ready.
    const wasReady = promised.get(id) !== undefined
    const floor = Math.max(0, spec.replicas - spec.rollout.unavailable)
    if (wasReady && ready < floor)
      violations.push(
        `${time.nowMs()}: ${id} leaves (${reason}) and ${ready} of ${spec.replicas} stay ready`,
      )
  }

  function crash(id: string): void {
    const one = running.get(id)
    if (!one) return
    running.delete(id)
    tell('crash')
    if (isReached(one)) emit({ kind: 'ended', id, exitCode: 1, signal: null, logTail: 'oh no' })
  }

  function setNode(name: string, changes: Partial<Node>): void {
    nodes = nodes.map((node) => (node.name === name ? { ...node, ...changes } : node))
  }

  function loseNode(): void {
    const up = nodes.filter(({ state }) => state === 'ready')
    const node = up.length > 2 ? pick(up) : undefined
    if (!node) return
    tell('node lost')
    setNode(node.name, { state: 'gone', reason: 'it does not answer' })
    emit({ kind: 'node-gone', node: node.name, reason: 'it does not answer' })
    // A machine that was down has nothing left; one that was cut off has all of it.
    if (chance(0.5))
      for (const [id, one] of running) if (one.running.node === node.name) running.delete(id)
  }

  function bringBack(): void {
    const node = pick(nodes.filter(({ state }) => state === 'gone'))
    if (!node) return
    tell('node back')
    setNode(node.name, { state: 'ready', reason: '' })
    emit({ kind: 'node-back', node: node.name })
  }

  function specOf(name: string): DeploymentSpec {
    const steps = chance(0.4)
      ? [
          { share: 0.25, bakeTime: '2s' },
          { share: 0.5, bakeTime: '2s' },
        ]
      : []
    return deploymentSpec.parse({
      name,
      model: chance(0.15) ? 'bad' : `m${within(1, 4)}`,
      engine: 'test',
      runtime: 'fake',
      replicas: within(0, 3),
      hardware: `gpu:${chance(0.2) ? 2 : 1}`,
      priority: chance(0.2) ? within(1, 5) : 0,
      rollout: {
        steps,
        ...(chance(0.8) ? { surge: 1 } : { surge: 0, unavailable: 1 }),
        gate: { requests: 0 },
      },
    })
  }

  function changeWanted(): void {
    const name = pick(deploymentNames)!
    const stored = wanted.get(name)
    tell('change')
    if (!stored) return change(specOf(name))
    if (chance(0.1)) {
      wanted.delete(name)
      return tellWanted()
    }
    if (chance(0.4)) return change({ ...stored.spec, replicas: within(0, 3) })
    const { hardware } = stored.spec
    change({ ...specOf(name), replicas: stored.spec.replicas, ...(hardware ? { hardware } : {}) })
  }

  function drain(): void {
    const node = pick(nodes)!.name
    if (drained.has(node)) drained.delete(node)
    else if (drained.size < 2) drained.set(node, 'is drained')
    tell('drain')
    deployer.setDrained(new Map(drained))
  }

  async function restart(): Promise<void> {
    tell('control killed')
    deployer.close()
    deployer = open()
    deployer.setDrained(new Map(drained))
    tellWanted()
    await begin()
  }

  function noteReady(): void {
    promised.clear()
    for (const { id, state } of deployer.replicas()) if (state === 'ready') promised.set(id, 1)
  }

  return {
    violations,
    events,
    async step() {
      noteReady()
      const dice = random()
      if (dice < 0.7) await time.advance(within(50, 800), noteReady)
      else if (dice < 0.78) changeWanted()
      else if (dice < 0.86) crash(pick([...running.keys()]) ?? '')
      else if (dice < 0.88) loseNode()
      else if (dice < 0.91) bringBack()
      else if (dice < 0.925) drain()
      else if (dice < 0.93) await restart()
      else if (dice < 0.95) trouble.losesEvents = chance(0.3)
      else if (dice < 0.97) trouble.readsOld = chance(0.3)
      else await time.advance(within(1000, 5000), noteReady)
    },
    async settle() {
      Object.assign(trouble, { losesEvents: false, readsOld: false, isQuiet: true })
      drained.clear()
      deployer.setDrained(new Map())
      while (nodes.some(({ state }) => state === 'gone')) bringBack()
      for (const [name, one] of wanted)
        if (one.spec.model === 'bad') change({ ...one.spec, name, model: 'm1' })
      for (const name of [...wanted.keys()].slice(0, 1)) wanted.delete(name)
      // Room for all: what is left out must be left out for a reason.
      for (const one of wanted.values())
        if (one.spec.replicas > 1) change({ ...one.spec, replicas: 1 })
      await time.advance(settleMs, noteReady)
      for (const view of deployer.deployments()) {
        const { spec, replicas, rollout, status } = view
        const ready = replicas.filter(({ state }) => state === 'ready').length
        if (ready !== spec.replicas || replicas.length !== spec.replicas)
          violations.push(
            `${spec.name} does not settle: ${ready} ready, ${replicas.length} there, ${spec.replicas} wanted: ${status}`,
          )
        if (rollout) violations.push(`${spec.name} does not settle: rollout ${rollout.status}`)
      }
      const known = new Set(deployer.replicas().map(({ id }) => id))
      for (const [id, one] of running)
        if (!known.has(id) || !wanted.has(one.running.deployment))
          violations.push(`${id} is an orphan`)
      for (const id of known) if (!running.has(id)) violations.push(`${id} does not exist`)
    },
    end: () => deployer.close(),
  }
}

const engine: Engine = {
  name: 'test',
  about: 'simulated',
  metricsPort: 'http',
  honours: [],
  explainFailure: () => null,
  takes: 'file',
  inspection: null,
  tasks: ['generate'],
  metricsPath: null,
  launch: ({ modelPath }) =>
    launchPlan({
      argv: [modelPath],
      drain: { preStopMs: 0, signal: 'SIGTERM', graceMs: 2000 },
    }),
  readHealth: () => ({ state: 'ready', reason: 'ready' }),
  parseMetrics: () => {
    throw new Error('not needed')
  },
}

function createListeningLog(
  listen: (fields: Record<string, unknown>, message: string) => void,
): Log {
  const write = (fields: object, message: string): void =>
    listen(fields as Record<string, unknown>, message)
  return { debug: write, info: write, warn: write, error: write } as Log
}
