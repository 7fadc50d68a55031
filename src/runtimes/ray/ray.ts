import { setTimeout as delay } from 'node:timers/promises'
import type { RayConfig } from '../../contract/runtimes.ts'
import { AppError } from '../../core/errors.ts'
import type { Assignment } from '../../core/node.ts'
import { createEndedLogs } from '../ended-logs.ts'
import type { RunningReplica, Runtime, RuntimeEvent } from '../runtime.ts'
import { connectDashboard } from './dashboard.ts'
import { createTargets } from './metrics-targets.ts'
import { nodeNameOf, toNode } from './nodes.ts'
import {
  applicationName,
  applicationOf,
  carriedBy,
  waitingOf,
  withApplication,
  type ApplicationDetails,
  type CarriedIdentity,
  type ServeDetails,
} from './serve-config.ts'

export interface RayRuntimeDeps {
  readonly name: string
  readonly owner: string
  readonly config: RayConfig
  readonly token: string | null
}

const pollMs = 1000
const logPollMs = 500
const logLinesMax = 10_000
const servePort = 8000
/** Beyond the grace: for Ray to take it down. */
const patienceMs = 60_000
/** A dashboard that is busy may miss one question. */
const missesMax = 3

/**
 * Replicas as applications of an existing Ray cluster's Serve. Ray owns restarts: what ends there it starts again, and
 * only a deployment that it gives up counts as ended.
 */
export function createRayRuntime({ name, owner, config, token }: RayRuntimeDeps): Runtime {
  const dashboard = connectDashboard(config.address, token)
  const listeners: ((event: RuntimeEvent) => void)[] = []
  const stopping = new Set<string>()
  const ended = createEndedLogs()
  /** Ids that were seen, and nodes that were alive. */
  const seen = new Set<string>()
  const alive = new Map<string, boolean>()
  /** By address. */
  const nodeNames = new Map<string, string>()
  let turn: Promise<unknown> = Promise.resolve()
  let lastSeen: ReadonlyMap<string, ApplicationDetails> = new Map()
  const targets = createTargets(dashboard)
  let misses = 0
  let stops = 0

  const tell = (event: RuntimeEvent): void => {
    for (const listener of listeners) listener(event)
  }
  /** Reading and writing back has to be one step, among ourselves at least: Serve has no way to say "if unchanged". */
  const change = <T>(work: () => Promise<T>): Promise<T> => {
    const next = turn.then(work, work)
    turn = next.catch(() => {})
    return next
  }
  const ours = (details: ServeDetails): readonly [CarriedIdentity, ApplicationDetails][] =>
    Object.values(details.applications).flatMap((one): [CarriedIdentity, ApplicationDetails][] => {
      const carried = one.status === 'DELETING' ? null : carriedBy(one, owner)
      return carried ? [[carried, one]] : []
    })
  const baseOf = ({ http_options: http }: ServeDetails): string => {
    if (config.serve !== undefined) return config.serve.replace(/\/+$/, '')
    return `http://${new URL(config.address).hostname}:${http?.port ?? servePort}`
  }
  const replicasOf = (details: ApplicationDetails) =>
    Object.values(details.deployments).flatMap((one) => one.replicas)

  const toRunning = (
    { id, deployment, revision, specHash, port, startedAtMs, ...place }: CarriedIdentity,
    application: ApplicationDetails | null,
    details: ServeDetails,
  ): RunningReplica => {
    const ip = application ? replicasOf(application).find((one) => one.node_ip)?.node_ip : null
    return {
      id,
      deployment,
      revision,
      specHash,
      port,
      startedAtMs,
      pid: null,
      url: `${baseOf(details)}/${id}`,
      node: ip == null ? place.node : (nodeNames.get(ip) ?? nodeNameOf(name, { node_name: ip })),
      devices: place.devices,
      waiting: application ? waitingOf(application) : 'Ray has not begun with it',
    }
  }

  const remove = (id: string): Promise<void> =>
    change(async () => {
      const details = await dashboard.serve()
      const application = applicationName(id)
      if (!(application in details.applications)) return
      await dashboard.putServe(withApplication(details, application, null))
    })

  const look = async (): Promise<void> => {
    const [details, nodes] = await Promise.all([dashboard.serve(), readNodes()])
    const there = new Map(ours(details).map(([{ id }, application]) => [id, application]))
    lastSeen = there
    for (const id of seen)
      if (!there.has(id) && seen.delete(id) && !stopping.has(id)) {
        ended.keep(id, [])
        tell({ kind: 'lost', id, reason: 'another hand took it out of Serve’s configuration' })
      }
    for (const [id, application] of there) {
      if (application.status !== 'DEPLOY_FAILED' || stopping.has(id) || ended.has(id)) seen.add(id)
      else void giveUp(id, application)
    }
    for (const node of nodes) {
      const full = nodeNameOf(name, node)
      const isAlive = node.state === 'ALIVE'
      const before = alive.get(full)
      alive.set(full, isAlive)
      if (before === undefined || before === isAlive) continue
      const reason = node.state_message ?? 'Ray says that it is dead'
      tell(isAlive ? { kind: 'node-back', node: full } : { kind: 'node-gone', node: full, reason })
    }
  }

  const giveUp = async (id: string, application: ApplicationDetails): Promise<void> => {
    const words = [
      application.message,
      ...Object.values(application.deployments).map((one) => one.message),
    ]
      .flatMap((text) => text.split('\n'))
      .filter((line) => line.trim() !== '')
    ended.keep(id, words)
    seen.delete(id)
    tell({ kind: 'ended', id, exitCode: null, signal: null, logTail: words.slice(-20).join('\n') })
    await remove(id).catch(() => {})
  }

  const watchNodes = (reason: string | null): void => {
    for (const node of alive.keys())
      tell(reason === null ? { kind: 'node-back', node } : { kind: 'node-gone', node, reason })
  }
  let isLooking = false
  const poll = setInterval(() => {
    if (isLooking) return
    isLooking = true
    look()
      .then(() => {
        if (misses >= missesMax) watchNodes(null)
        misses = 0
      })
      .catch((thrown: Error) => {
        if (++misses === missesMax) watchNodes(thrown.message)
      })
      .finally(() => (isLooking = false))
  }, pollMs)
  poll.unref()

  /** The address of the node. Throws `runtime/unknown-node` and `runtime/unknown-device`. */
  const check = async ({ node, devices }: Assignment): Promise<string | null> => {
    const listed = await readNodes()
    const nodes = listed.map((one) => toNode(name, null, one))
    if (node !== null && !nodes.some((one) => one.name === node))
      throw new AppError('runtime/unknown-node', { message: `${name} has no node "${node}"` })
    const offered = nodes.flatMap((one) => one.devices.map((device) => device.id))
    const unknown = devices.find((id) => !offered.includes(id))
    if (unknown !== undefined)
      throw new AppError('runtime/unknown-device', {
        message: `${name} has no device "${unknown}"`,
      })
    return listed.find((one) => nodeNameOf(name, one) === node)?.node_ip ?? null
  }
  const readNodes = async () => {
    const nodes = await dashboard.nodes()
    for (const one of nodes) nodeNames.set(one.node_ip, nodeNameOf(name, one))
    return nodes
  }
  const find = async (id: string) =>
    ours(await dashboard.serve()).find(([carried]) => carried.id === id)

  return {
    name,
    async inventory() {
      return (await readNodes()).map((one) => toNode(name, config.zone ?? null, one))
    },
    endpoint: async () => ({ host: '0.0.0.0', port: servePort }),
    async start(identity, plan, assignment) {
      const nodeIp = await check(assignment)
      return change(async () => {
        const details = await dashboard.serve()
        const known = ours(details).find(([carried]) => carried.id === identity.id)
        if (known) return toRunning(...known, details)
        const { node, devices } = assignment
        const carried = { ...identity, owner, node, devices, startedAtMs: Date.now() }
        const application = applicationOf(identity, plan, assignment, carried, {
          nodeIp,
          autoscale: config.autoscale,
        })
        ended.forget(identity.id)
        await dashboard.putServe(withApplication(details, application.name, application))
        seen.add(identity.id)
        return toRunning(carried, null, details)
      })
    },
    async stop(id, graceMs) {
      stopping.add(id)
      try {
        await remove(id)
        seen.delete(id)
        stops++
        const deadlineMs = performance.now() + graceMs + patienceMs
        while (applicationName(id) in (await dashboard.serve()).applications) {
          if (performance.now() > deadlineMs)
            throw new AppError('runtime/refused', { message: `Ray does not take down ${id}` })
          await delay(logPollMs)
        }
      } finally {
        stopping.delete(id)
      }
    },
    async list() {
      const before = stops
      const details = await dashboard.serve()
      const there = ours(details).filter(([{ id }]) => !ended.has(id))
      // Whoever was told of one is told of its end, too; not of a stop that came in between.
      if (stops === before) for (const [{ id }] of there) if (!stopping.has(id)) seen.add(id)
      return there.map(([carried, application]) => toRunning(carried, application, details))
    },
    watch: (listener) => void listeners.push(listener),
    async metricsOf(id) {
      const application = lastSeen.get(id)
      return application ? targets.of(replicasOf(application)) : null
    },
    async *logs(id, { lines, follow, signal }) {
      const last = ended.tail(id, lines)
      if (last) {
        yield* last
        return
      }
      let told = 0
      for (let isFirst = true; ; isFirst = false) {
        const found = await find(id)
        if (!found && isFirst)
          throw new AppError('replica/not-found', { message: `no replica "${id}" in ${name}` })
        const text = found ? await readLog(found[1]) : null
        // A file that is shorter than what was told is another one: Ray started it again.
        if (text && text.length < told) told = 0
        if (text) yield* isFirst ? (lines > 0 ? text.slice(-lines) : []) : text.slice(told)
        told = text?.length ?? told
        if (!follow || signal.aborted || !found) return
        await delay(logPollMs, undefined, { signal }).catch(() => {})
      }
    },
    async close() {
      listeners.splice(0)
      clearInterval(poll)
    },
  }

  async function readLog(application: ApplicationDetails): Promise<readonly string[] | null> {
    const replica = replicasOf(application).find((one) => one.log_file_path)
    if (!replica?.node_id || !replica.log_file_path) return null
    const file = replica.log_file_path.replace(/^\//, '')
    return dashboard.log(replica.node_id, file, logLinesMax)
  }
}
