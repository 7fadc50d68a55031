import { AppError } from '../../core/errors.ts'
import type { Device } from '../../core/device.ts'
import type { Node } from '../../core/node.ts'
import type { StartFailure } from '../../engines/engine.ts'
import type { RunningReplica, Runtime, RuntimeEvent } from '../runtime.ts'

export interface FakeRuntime extends Runtime {
  /** A line of output. */
  say(id: string, line: string): void
  /** It ends by itself. `failure`: why, as a runtime knows it that could not even begin. */
  end(id: string, exitCode: number, failure?: StartFailure): void
  /** It is taken away without a word. */
  lose(id: string): void
  /** What runs there goes on, unseen. */
  loseNode(name: string): void
  bringBack(name: string): void
  readonly running: ReadonlyMap<string, RunningReplica>
}

/** Replicas that only exist in memory, and in as many runtimes as share the `world`. */
export function createFakeRuntime(world: FakeWorld = createWorld(), name = 'fake'): FakeRuntime {
  const listeners: ((event: RuntimeEvent) => void)[] = []
  const stopping = new Set<string>()
  world.listeners.push((event) => {
    if ('id' in event && stopping.has(event.id)) return
    for (const listener of listeners) listener(event)
  })
  const nodeOf = (name: string | null): Node => {
    const node = name === null ? world.nodes[0] : world.nodes.find((one) => one.name === name)
    if (node) return node
    throw new AppError('runtime/unknown-node', { message: `no node "${name}"` })
  }
  return {
    name,
    running: world.running,
    inventory: async () => world.nodes,
    async endpoint({ node }) {
      nodeOf(node)
      return { host: '127.0.0.1', port: world.nextPort++ }
    },
    async start(identity, _, assignment) {
      const node = nodeOf(assignment.node)
      const { devices } = assignment
      for (const id of devices)
        if (!node.devices.some((device) => device.id === id))
          throw new AppError('runtime/unknown-device', { message: `no device "${id}"` })
      const known = world.running.get(identity.id)
      if (known) return known
      const url = `http://127.0.0.1:${identity.port}`
      const place = { node: node.name, devices, waiting: null }
      const replica = {
        ...identity,
        ...place,
        pid: world.nextPid++,
        url,
        startedAtMs: Date.now(),
      }
      world.running.set(identity.id, replica)
      world.output.set(identity.id, [])
      return replica
    },
    async stop(id) {
      stopping.add(id)
      world.end(id, null, 'SIGTERM')
      stopping.delete(id)
    },
    list: async () => [...world.running.values()],
    watch: (listener) => void listeners.push(listener),
    logs(id, { lines, follow, signal }) {
      const output = world.output.get(id)
      if (!output) throw new AppError('replica/not-found', { message: `no replica "${id}"` })
      return (async function* () {
        let next = output.length
        yield* lines > 0 ? output.slice(-lines) : []
        while (follow && !signal.aborted) {
          yield* output.slice(next)
          next = output.length
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
      })()
    },
    close: async () => void listeners.splice(0),
    say: (id, line) => void world.output.get(id)?.push(line),
    end: (id, exitCode, failure) => world.end(id, exitCode, null, failure),
    lose(id) {
      if (world.running.delete(id)) world.tell({ kind: 'lost', id, reason: 'it is gone' })
    },
    loseNode(name) {
      world.set(name, { state: 'gone', reason: 'it does not answer' })
      world.tell({ kind: 'node-gone', node: name, reason: 'it does not answer' })
    },
    bringBack(name) {
      world.set(name, { state: 'ready', reason: '' })
      world.tell({ kind: 'node-back', node: name })
    },
  }
}

export interface FakeWorld {
  readonly running: Map<string, RunningReplica>
  readonly output: Map<string, string[]>
  readonly listeners: ((event: RuntimeEvent) => void)[]
  readonly nodes: readonly Node[]
  nextPid: number
  nextPort: number
  tell(event: RuntimeEvent): void
  end(id: string, exitCode: number | null, signal: string | null, failure?: StartFailure): void
  /** Changes a node. */
  set(name: string, changes: Partial<Node>): void
}

export function createWorld(initial: readonly Node[] = [fakeNode('fake-1', 2)]): FakeWorld {
  let nodes = initial
  const world: FakeWorld = {
    running: new Map(),
    output: new Map(),
    listeners: [],
    get nodes() {
      return nodes
    },
    nextPid: 100_000,
    nextPort: 20_000,
    tell(event) {
      for (const listener of world.listeners) listener(event)
    },
    end(id, exitCode, signal, failure) {
      if (!world.running.delete(id)) return
      const logTail = (world.output.get(id) ?? []).slice(-20).join('\n')
      world.tell({
        kind: 'ended',
        id,
        exitCode,
        signal,
        logTail,
        ...(failure ? { failure } : {}),
      })
    },
    set(name, changes) {
      nodes = nodes.map((node) => (node.name === name ? { ...node, ...changes } : node))
    },
  }
  return world
}

const gib = 2 ** 30

/** A node with devices of one kind, all linked. */
export function fakeNode(name: string, devices: number, changes: Partial<Node> = {}): Node {
  return {
    name,
    runtime: 'fake',
    state: 'ready',
    reason: '',
    zone: null,
    labels: {},
    taints: [],
    isSpot: false,
    pricePerHourUsd: null,
    interconnectGroup: null,
    cpus: 16,
    memoryBytes: 64 * gib,
    freeMemoryBytes: 64 * gib,
    devices: Array.from({ length: devices }, (_, index) =>
      fakeDevice(`${name}-gpu-${index}`, index),
    ),
    ...changes,
  }
}

const fakeDevice = (id: string, index: number): Device => ({
  id,
  vendor: 'fake',
  model: 'Fake 80GB',
  index,
  memoryBytes: 80 * gib,
  freeMemoryBytes: 80 * gib,
  linkGroup: 'all',
  slice: null,
  fault: null,
})
