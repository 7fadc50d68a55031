import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { bootVariable, dataVariable, replicaVariable, roleVariable } from '../../contract/boot.ts'
import { AppError } from '../../core/errors.ts'
import type { DeviceVendor } from '../../devices/device.ts'
import type { LaunchPlan } from '../../engines/engine.ts'
import type { RunningReplica, Runtime, RuntimeEvent } from '../runtime.ts'
import { readSecrets } from '../secrets.ts'
import { createMemoryBounds } from './memory-bound.ts'
import { inNamespace } from './network-namespace.ts'
import { createProcessNodes, thisMachine, type ProcessNode } from './nodes.ts'
import { createPlanFiles } from './plan-files.ts'
import { createPorts } from './ports.ts'
import {
  createReplicaFinder,
  isRunning,
  startTimeOf,
  type CarriedIdentity,
  type ReplicaProcess,
} from './process-table.ts'
import { createReplicaLogs, type LogLimits } from './replica-log.ts'

export interface ProcessRuntimeConfig {
  /** Absolute. */
  readonly dataDirectory: string
  /** What every replica inherits. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Default: this machine as one node. */
  readonly nodes?: readonly ProcessNode[]
  readonly vendors?: readonly DeviceVendor[]
  readonly logLimits?: LogLimits
}

const name = 'process'

/** How often adopted replicas are looked at: their end sends us no event. */
const pollMs = 250
const pollsBetweenTrims = 20
/** After SIGKILL only the kernel can be in the way. */
const killTimeoutMs = 10_000
/** A Python engine's trace may have a cause far above its end. */
const tailLines = 200
const nodePollMs = 500
/** A busy machine may miss one knock. */
const missesMax = 2

/**
 * Replicas as processes of this machine. Each runs in a session of its own and carries its identity in its
 * environment, so that it outlives control and the next control finds it without any file.
 */
export function createProcessRuntime(config: ProcessRuntimeConfig): Runtime {
  const logs = createReplicaLogs(join(config.dataDirectory, 'logs', 'replicas'), config.logLimits)
  const find = createReplicaFinder(config.dataDirectory)
  const nodes = createProcessNodes(name, config.nodes ?? [thisMachine], config.vendors ?? [])
  const memory = createMemoryBounds()
  const files = createPlanFiles(join(config.dataDirectory, 'run', 'files'))
  const portOn = createPorts()
  const listeners: ((event: RuntimeEvent) => void)[] = []
  /** Leaders that were seen running, by replica id. */
  const known = new Map<string, ReplicaProcess>()
  /** Those of them that this process started: their end comes as an event. */
  const own = new Set<string>()
  const stopping = new Set<string>()
  let polls = 0

  const tell = (event: RuntimeEvent): void => {
    for (const listener of listeners) listener(event)
  }
  const ended = (id: string, exitCode: number | null, signal: string | null): void => {
    if (!known.delete(id)) return
    killStrays(id)
    memory.release(id)
    files.remove(id)
    if (stopping.has(id)) return
    tell({ kind: 'ended', id, exitCode, signal, logTail: logs.tail(id, tailLines).join('\n') })
  }

  /** What a dead leader left behind, such as the workers of an engine with many processes. */
  const killStrays = (id: string): void => {
    for (const one of find())
      if (one.identity.id === id && !known.has(id)) signalProcess(one, one.pid, 'SIGKILL')
  }

  const scan = (): readonly RunningReplica[] => {
    const found = find()
    const leaders = new Map<string, ReplicaProcess>()
    // A look at all processes can miss one; those that are known are looked at themselves.
    for (const [id, leader] of known) if (isRunning(leader)) leaders.set(id, leader)
    for (const one of found) if (one.isLeader) leaders.set(one.identity.id, one)
    for (const [id, leader] of leaders)
      if (known.get(id)?.pid !== leader.pid && !stopping.has(id)) known.set(id, leader)
    for (const one of found)
      if (!leaders.has(one.identity.id)) signalProcess(one, one.pid, 'SIGKILL')
    return [...leaders.values()].map(toRunning)
  }

  const poll = setInterval(() => {
    for (const [id, leader] of known) {
      if (!own.has(id) && !isRunning(leader)) ended(id, null, null)
      else if (polls % pollsBetweenTrims === 0) logs.trim(id)
    }
    polls++
  }, pollMs)
  poll.unref()
  const nodeWatch = watchNodes(nodes, tell)

  return {
    name,
    inventory: () => nodes.inventory(),
    async endpoint(at) {
      const node = nodes.find(at.node)
      return { host: node.address, port: await portOn(node) }
    },
    async start(identity, plan, assignment) {
      const { node, devices } = await nodes.resolve(assignment)
      const running = scan().find((one) => one.id === identity.id)
      if (running) return running
      if (plan.argv.length === 0)
        throw new AppError('engine/failed', {
          message: `the engine of "${identity.deployment}" has no command to start on this machine`,
          hint: 'Name its program in the config (engines.NAME.program), or run its image on Docker or Kubernetes.',
        })
      logs.prune(new Set(known.keys()))
      const carried: CarriedIdentity = {
        ...identity,
        startedAtMs: Date.now(),
        node: node.name,
        host: node.address,
        devices: devices.map((device) => device.id),
      }
      const secrets = readSecrets(config.dataDirectory, plan.secrets)
      const { argv: words, env } = files.write(identity.id, plan, node.address)
      const [command = '', ...rest] = words
      const direct = [command === 'node' ? process.execPath : command, ...rest]
      const bounded = memory.wrap(identity.id, direct, assignment.memoryBytes)
      const argv = node.namespace === null ? bounded : inNamespace(node.namespace, bounded)
      const child = spawnDetached(argv, logs.open(identity.id), {
        ...config.environment,
        ...env,
        ...nodes.pin(devices),
        ...secrets,
        [bootVariable]: undefined,
        [roleVariable]: undefined,
        [dataVariable]: config.dataDirectory,
        [replicaVariable]: JSON.stringify(carried),
      })
      if (child.pid === undefined) throw await startError(child, argv)
      const startTime = startTimeOf(child.pid) ?? ''
      const leader = { pid: child.pid, startTime, isLeader: true, identity: carried }
      known.set(identity.id, leader)
      own.add(identity.id)
      child.once('exit', (exitCode, signal) => {
        own.delete(identity.id)
        ended(identity.id, exitCode, signal)
      })
      child.unref()
      return toRunning(leader)
    },
    async stop(id, graceMs) {
      stopping.add(id)
      try {
        const leader = known.get(id) ?? find().find((one) => one.isLeader && one.identity.id === id)
        if (leader) await endProcess(leader, graceMs)
        known.delete(id)
        killStrays(id)
        memory.release(id)
        files.remove(id)
      } finally {
        stopping.delete(id)
      }
    },
    list: async () => scan(),
    watch: (listener) => void listeners.push(listener),
    logs(id, request) {
      if (!logs.has(id))
        throw new AppError('replica/not-found', { message: `no replica "${id}" has a log here` })
      return logs.follow(id, request)
    },
    async close() {
      clearInterval(poll)
      clearInterval(nodeWatch)
      // A child may still end while this process goes on: nobody is told any more.
      listeners.length = 0
    },
  }
}

/** Nodes with a network of their own may get lost; the machine itself can't without us. */
function watchNodes(
  nodes: ReturnType<typeof createProcessNodes>,
  tell: (event: RuntimeEvent) => void,
): NodeJS.Timeout | undefined {
  const remote = nodes.all.filter((node) => node.namespace !== null)
  if (remote.length === 0) return undefined
  const misses = new Map<string, number>()
  let isLooking = false
  const look = async (node: ProcessNode): Promise<void> => {
    const reason = await nodes.trouble(node)
    const before = misses.get(node.name) ?? 0
    misses.set(node.name, reason === null ? 0 : before + 1)
    if (reason === null && before >= missesMax) tell({ kind: 'node-back', node: node.name })
    else if (reason !== null && before + 1 === missesMax)
      tell({ kind: 'node-gone', node: node.name, reason })
  }
  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    void Promise.all(remote.map(look)).finally(() => (isLooking = false))
  }, nodePollMs)
  return timer.unref()
}

function spawnDetached(
  argv: LaunchPlan['argv'],
  output: number,
  env: Readonly<Record<string, string | undefined>>,
): ChildProcess {
  const [command = '', ...rest] = argv
  try {
    return spawn(command, rest, { detached: true, stdio: ['ignore', output, output], env })
  } finally {
    closeSync(output)
  }
}

async function startError(child: ChildProcess, argv: LaunchPlan['argv']): Promise<AppError> {
  const [cause] = (await once(child, 'error')) as [NodeJS.ErrnoException]
  if (cause.code === 'ENOENT')
    return new AppError('engine/not-installed', {
      message: `there is no program ${argv[0]} on this machine`,
      cause,
    })
  return new AppError('engine/failed', {
    message: `can't start ${argv[0]}: ${cause.message}`,
    cause,
  })
}

async function endProcess(leader: ReplicaProcess, graceMs: number): Promise<void> {
  signalProcess(leader, leader.pid, 'SIGTERM')
  if (await isGone(leader, graceMs)) return
  signalProcess(leader, -leader.pid, 'SIGKILL')
  if (await isGone(leader, killTimeoutMs)) return
  throw new AppError('engine/failed', {
    message: `process ${leader.pid} of ${leader.identity.id} outlives SIGKILL`,
  })
}

/** Signals a process, or with a negative target its group, but never one that got the pid since. */
function signalProcess(found: ReplicaProcess, target: number, signal: NodeJS.Signals): void {
  if (!isRunning(found)) return
  try {
    process.kill(target, signal)
  } catch {
    // It ended between the two lines.
  }
}

async function isGone(found: ReplicaProcess, withinMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs
  for (let pauseMs = 5; isRunning(found); pauseMs = Math.min(pauseMs * 2, 100)) {
    const leftMs = deadlineMs - performance.now()
    if (leftMs <= 0) return false
    await delay(Math.min(pauseMs, leftMs))
  }
  return true
}

function toRunning({ pid, identity }: ReplicaProcess): RunningReplica {
  const { id, deployment, revision, specHash, port, startedAtMs, node, host, devices } = identity
  const url = `http://${host}:${port}`
  const known = { id, deployment, revision, specHash, port, startedAtMs, pid, url }
  return { ...known, node, devices, waiting: null }
}
