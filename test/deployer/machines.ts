import type { Node } from '../../src/core/node.ts'
import { fakeNode } from '../../src/runtimes/fake/fake.ts'
import type { RunningReplica, Runtime, RuntimeEvent } from '../../src/runtimes/runtime.ts'
import type { Dice } from './dice.ts'
import { never, type Time } from './time.ts'

/** Nodes that come and go, with engines that start slowly, crash or never get ready, seen through a rough runtime. */
export interface Machines {
  readonly trouble: Trouble
  readonly running: ReadonlyMap<string, Engineered>
  /** What the next control sees: calls that the last one began never end. */
  openRuntime(): Runtime
  /** Null: it does not answer. */
  probe(url: string): 'ready' | 'loading' | null
  isReady(id: string): boolean
  crash(id: string): void
  loseNode(): void
  /** All nodes of a zone, or of a cluster. */
  loseMany(of: 'zone' | 'runtime'): void
  bringBack(): void
  /** Whether all are up. */
  isWhole(): boolean
  pickNode(): string
}

interface Trouble {
  losesEvents: boolean
  readsOld: boolean
  isQuiet: boolean
}

interface Engineered {
  readonly running: RunningReplica
  readonly readyAtMs: number
}

/** Slots of five nodes in three zones and two clusters. */
const devices = [4, 4, 2, 2, 1]
const zones = 3
export const clusters = ['east', 'west'] as const
const eastern = 3

export function createMachines(deps: {
  readonly dice: Dice
  readonly time: Time
  readonly tell: (event: string) => void
  readonly violate: (text: string) => void
}): Machines {
  const { time, tell, violate } = deps
  const { chance, within, pick } = deps.dice
  const trouble: Trouble = { losesEvents: false, readsOld: false, isQuiet: false }
  let nodes: readonly Node[] = devices.map((count, at) =>
    fakeNode(`node-${at}`, count, {
      zone: `zone-${at % zones}`,
      runtime: clusters[at < eastern ? 0 : 1],
    }),
  )
  const running = new Map<string, Engineered>()
  let generation = 0
  let old: { readonly atMs: number; readonly list: readonly RunningReplica[] } | null = null
  let listeners: ((event: RuntimeEvent) => void)[] = []

  const emit = (event: RuntimeEvent): void => {
    if (trouble.losesEvents) return tell('event lost')
    for (const listener of listeners) listener(event)
  }
  const nodeOf = (name: string | null): Node | undefined => nodes.find((one) => one.name === name)
  const isReached = ({ running: { node } }: Engineered): boolean => nodeOf(node)?.state === 'ready'

  const crash = (id: string): void => {
    const one = running.get(id)
    if (!one) return
    running.delete(id)
    tell('crash')
    if (isReached(one)) emit({ kind: 'ended', id, exitCode: 1, signal: null, logTail: 'oh no' })
  }
  const set = (name: string, changes: Partial<Node>): void => {
    nodes = nodes.map((node) => (node.name === name ? { ...node, ...changes } : node))
  }
  const up = (): readonly Node[] => nodes.filter(({ state }) => state === 'ready')
  const lose = (node: string): void => {
    tell('node lost')
    const reason = 'it does not answer'
    set(node, { state: 'gone', reason })
    emit({ kind: 'node-gone', node, reason })
    // A machine that was down has nothing left; one that was cut off has all of it.
    if (chance(0.5))
      for (const [id, one] of running) if (one.running.node === node) running.delete(id)
  }

  const openRuntime = (): Runtime => {
    listeners = []
    old = null
    const mine = ++generation
    return {
      name: 'fake',
      inventory: async () => nodes,
      endpoint: async () => ({ host: '127.0.0.1', port: time.id() }),
      async start(identity, plan, assignment) {
        await time.pause(within(0, 2000))
        if (mine !== generation) return never()
        const node = nodeOf(assignment.node)
        if (node?.state !== 'ready') throw new Error(`no node ${assignment.node}`)
        if (chance(trouble.isQuiet ? 0 : 0.02)) throw new Error('can not be started')
        for (const device of assignment.devices)
          for (const { running: holder } of running.values())
            if (holder.devices.includes(device))
              violate(`${identity.id} gets ${device}, which ${holder.id} still has`)
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
        const readyAtMs = isBad ? Infinity : time.nowMs() + loadMs
        running.set(identity.id, { running: one, readyAtMs })
        tell('start')
        if (isBad) time.after(within(100, 3000), () => crash(identity.id))
        return one
      },
      async stop(id, graceMs) {
        await time.pause(within(0, Math.min(graceMs, 3000)))
        if (mine !== generation) return never()
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
  }

  return {
    trouble,
    running,
    openRuntime,
    probe(url) {
      const one = running.get(url.slice('http://'.length))
      if (!one || !isReached(one)) return null
      if (!trouble.isQuiet && chance(0.02)) return null
      return time.nowMs() >= one.readyAtMs ? 'ready' : 'loading'
    },
    isReady(id) {
      const one = running.get(id)
      return !one || time.nowMs() >= one.readyAtMs
    },
    crash,
    loseNode() {
      const node = up().length > 2 ? pick(up()) : undefined
      if (node) lose(node.name)
    },
    loseMany(of) {
      const value = pick(nodes)?.[of]
      const lost = up().filter((node) => node[of] === value)
      if (lost.length === up().length) return
      tell(of === 'zone' ? 'zone lost' : 'cluster lost')
      for (const { name } of lost) lose(name)
    },
    bringBack() {
      const node = pick(nodes.filter(({ state }) => state === 'gone'))?.name
      if (node === undefined) return
      tell('node back')
      set(node, { state: 'ready', reason: '' })
      emit({ kind: 'node-back', node })
    },
    isWhole: () => up().length === nodes.length,
    pickNode: () => pick(nodes)!.name,
  }
}
