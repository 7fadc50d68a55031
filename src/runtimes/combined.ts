import { AppError, toAppError } from '../core/errors.ts'
import type { Assignment, Node } from '../core/node.ts'
import type { RunningReplica, Runtime } from './runtime.ts'

const homesMax = 20_000

/**
 * Several runtimes as one. Nodes have names of their own over all of them, and ids of replicas, too. One that can't be
 * reached does not hide the others: what was last seen there still counts.
 */
export function combineRuntimes(
  named: readonly [Runtime, ...Runtime[]],
  /** Takes what has a URL of its own, whatever runtime is named. */
  external: Runtime,
  onTrouble: (runtime: string, reason: string | null) => void,
): Runtime {
  const [first] = named
  const runtimes = [...named, external]
  const lastSeen = new Map<string, readonly RunningReplica[]>()
  const lastNodes = new Map<string, readonly Node[]>()
  /** Where each replica is or was, for the log of one that ended. */
  const homes = new Map<string, Runtime>()
  const troubles = new Map<string, string>()

  const find = (name: string): Runtime => {
    const runtime = runtimes.find((one) => one.name === name)
    if (runtime) return runtime
    const known = named.map((one) => one.name).join(', ')
    throw new AppError('runtime/unknown', {
      message: `there is no runtime "${name}"; there is: ${known}`,
    })
  }
  const withNode = async (node: string | null): Promise<Runtime> => {
    if (node === null) return first
    const known = [...lastNodes].find(([, nodes]) => nodes.some((one) => one.name === node))?.[0]
    if (known !== undefined) return find(known)
    const nodes = await inventory()
    const found = nodes.find((one) => one.name === node)
    if (found) return find(found.runtime)
    throw new AppError('runtime/unknown-node', { message: `no runtime has a node "${node}"` })
  }
  const placeOf = async (at: Pick<Assignment, 'runtime' | 'node'>): Promise<Runtime> =>
    at.runtime === null ? withNode(at.node) : find(at.runtime)
  const remember = (id: string, runtime: Runtime): void => {
    homes.delete(id)
    homes.set(id, runtime)
    if (homes.size > homesMax) for (const oldest of homes.keys().take(1)) homes.delete(oldest)
  }
  /** What a runtime says, or said last. */
  const ask = async <T>(
    { name }: Runtime,
    last: Map<string, readonly T[]>,
    question: () => Promise<readonly T[]>,
  ): Promise<readonly T[]> => {
    try {
      const answer = await question()
      last.set(name, answer)
      if (troubles.delete(name)) onTrouble(name, null)
      return answer
    } catch (thrown) {
      const { message } = toAppError(thrown)
      if (troubles.get(name) !== message) onTrouble(name, message)
      troubles.set(name, message)
      return last.get(name) ?? []
    }
  }
  const inventory = async (): Promise<readonly Node[]> => {
    const all = await Promise.all(
      runtimes.map(async (runtime) => {
        const nodes = await ask(runtime, lastNodes, () => runtime.inventory())
        const reason = troubles.get(runtime.name)
        if (reason === undefined) return nodes
        return nodes.map((node): Node => ({ ...node, state: 'gone', reason }))
      }),
    )
    return all.flat()
  }
  const list = async (): Promise<readonly RunningReplica[]> => {
    const all = await Promise.all(
      runtimes.map(async (runtime) => {
        const replicas = await ask(runtime, lastSeen, () => runtime.list())
        for (const { id } of replicas) remember(id, runtime)
        return replicas
      }),
    )
    return all.flat()
  }
  const homeOf = async (id: string): Promise<Runtime | undefined> => {
    if (!homes.has(id)) await list()
    return homes.get(id)
  }

  return {
    name: 'all',
    inventory,
    list,
    endpoint: async (at) => (await placeOf(at)).endpoint(at),
    async start(identity, plan, assignment) {
      const runtime = plan.url === null ? await placeOf(assignment) : external
      if (assignment.nodes > 1 && runtime.spansNodes !== true)
        throw new AppError('runtime/refused', {
          message: `${runtime.name} can't run ${identity.deployment} on ${assignment.nodes} nodes together`,
          hint: 'Split it so that it fits one node, or run it on Kubernetes.',
        })
      remember(identity.id, runtime)
      return runtime.start(identity, plan, assignment)
    },
    async stop(id, graceMs) {
      const runtime = await homeOf(id)
      await runtime?.stop(id, graceMs)
    },
    watch(listener) {
      for (const runtime of runtimes) runtime.watch(listener)
    },
    metricsOf: async (id) => (await (await homeOf(id))?.metricsOf?.(id)) ?? null,
    logs: (id, request) =>
      // One that ended before this control came: only what is on this machine is still there.
      (homes.get(id) ?? first).logs(id, request),
    async close() {
      await Promise.all(runtimes.map((runtime) => runtime.close()))
    },
  }
}
