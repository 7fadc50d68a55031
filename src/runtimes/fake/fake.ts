import type { EndedReplica, RunningReplica, Runtime } from '../runtime.ts'

export interface FakeRuntime extends Runtime {
  /** A line of output. */
  say(id: string, line: string): void
  /** It ends by itself. */
  end(id: string, exitCode: number): void
  readonly running: ReadonlyMap<string, RunningReplica>
}

/** Replicas that only exist in memory, and in as many runtimes as share the `world`. */
export function createFakeRuntime(world: FakeWorld = createWorld()): FakeRuntime {
  const listeners: ((ended: EndedReplica) => void)[] = []
  const stopping = new Set<string>()
  world.ended.push((ended) => {
    if (!stopping.has(ended.id)) for (const listener of listeners) listener(ended)
  })
  return {
    name: 'fake',
    running: world.running,
    async start(identity) {
      const known = world.running.get(identity.id)
      if (known) return known
      const url = `http://127.0.0.1:${identity.port}`
      const replica = { ...identity, pid: world.nextPid++, url, startedAtMs: Date.now() }
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
    onEnd: (listener) => void listeners.push(listener),
    async *logs(id, { lines, follow, signal }) {
      const output = world.output.get(id) ?? []
      let next = output.length
      yield* lines > 0 ? output.slice(-lines) : []
      while (follow && !signal.aborted) {
        yield* output.slice(next)
        next = output.length
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    },
    freePort: async () => world.nextPort++,
    say: (id, line) => void world.output.get(id)?.push(line),
    end: (id, exitCode) => world.end(id, exitCode, null),
  }
}

export interface FakeWorld {
  readonly running: Map<string, RunningReplica>
  readonly output: Map<string, string[]>
  readonly ended: ((ended: EndedReplica) => void)[]
  nextPid: number
  nextPort: number
  end(id: string, exitCode: number | null, signal: string | null): void
}

export function createWorld(): FakeWorld {
  const world: FakeWorld = {
    running: new Map(),
    output: new Map(),
    ended: [],
    nextPid: 100_000,
    nextPort: 20_000,
    end(id, exitCode, signal) {
      if (!world.running.delete(id)) return
      const logTail = (world.output.get(id) ?? []).slice(-20).join('\n')
      for (const tell of world.ended) tell({ id, exitCode, signal, logTail })
    },
  }
  return world
}
