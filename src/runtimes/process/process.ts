import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { bootVariable, dataVariable, replicaVariable, roleVariable } from '../../contract/boot.ts'
import { AppError } from '../../core/errors.ts'
import type { LaunchPlan } from '../../engines/engine.ts'
import type { EndedReplica, RunningReplica, Runtime } from '../runtime.ts'
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
  readonly logLimits?: LogLimits
}

/** How often adopted replicas are looked at: their end sends us no event. */
const pollMs = 250
const pollsBetweenTrims = 20
/** After SIGKILL only the kernel can be in the way. */
const killTimeoutMs = 10_000
const tailLines = 20
const portsRemembered = 64

/**
 * Replicas as processes of this machine. Each runs in a session of its own and carries its identity in its
 * environment, so that it outlives control and the next control finds it without any file.
 */
export function createProcessRuntime(config: ProcessRuntimeConfig): Runtime {
  const logs = createReplicaLogs(join(config.dataDirectory, 'logs', 'replicas'), config.logLimits)
  const find = createReplicaFinder(config.dataDirectory)
  const listeners: ((ended: EndedReplica) => void)[] = []
  /** Leaders that were seen running, by replica id. */
  const known = new Map<string, ReplicaProcess>()
  /** Those of them that this process started: their end comes as an event. */
  const own = new Set<string>()
  const stopping = new Set<string>()
  const recentPorts: number[] = []
  let polls = 0

  const ended = (id: string, exitCode: number | null, signal: string | null): void => {
    if (!known.delete(id)) return
    killStrays(id)
    if (stopping.has(id)) return
    const logTail = logs.tail(id, tailLines).join('\n')
    for (const listener of listeners) listener({ id, exitCode, signal, logTail })
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

  setInterval(() => {
    for (const [id, leader] of known) {
      if (!own.has(id) && !isRunning(leader)) ended(id, null, null)
      else if (polls % pollsBetweenTrims === 0) logs.trim(id)
    }
    polls++
  }, pollMs).unref()

  return {
    name: 'process',
    async start(identity, plan) {
      const running = scan().find((one) => one.id === identity.id)
      if (running) return running
      logs.prune(new Set(known.keys()))
      const carried: CarriedIdentity = { ...identity, startedAtMs: Date.now() }
      const child = spawnDetached(plan, logs.open(identity.id), {
        ...config.environment,
        ...plan.env,
        [bootVariable]: undefined,
        [roleVariable]: undefined,
        [dataVariable]: config.dataDirectory,
        [replicaVariable]: JSON.stringify(carried),
      })
      if (child.pid === undefined) throw await startError(child, plan)
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
      } finally {
        stopping.delete(id)
      }
    },
    list: async () => scan(),
    onEnd: (listener) => void listeners.push(listener),
    logs(id, request) {
      if (!logs.has(id))
        throw new AppError('replica/not-found', { message: `no replica "${id}" has a log here` })
      return logs.follow(id, request)
    },
    async freePort() {
      for (;;) {
        const port = await portFromSystem()
        // The system may give the same port again before the replica that got it first listens.
        if (recentPorts.includes(port)) continue
        recentPorts.push(port)
        if (recentPorts.length > portsRemembered) recentPorts.shift()
        return port
      }
    },
  }
}

function spawnDetached(
  plan: LaunchPlan,
  output: number,
  env: Readonly<Record<string, string | undefined>>,
): ChildProcess {
  const [command = '', ...rest] = plan.argv
  try {
    const executable = command === 'node' ? process.execPath : command
    return spawn(executable, rest, { detached: true, stdio: ['ignore', output, output], env })
  } finally {
    closeSync(output)
  }
}

async function startError(child: ChildProcess, plan: LaunchPlan): Promise<AppError> {
  const [cause] = (await once(child, 'error')) as [Error]
  return new AppError('engine/failed', {
    message: `can't start ${plan.argv[0]}: ${cause.message}`,
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
  const { id, deployment, revision, specHash, port, startedAtMs } = identity
  const url = `http://127.0.0.1:${port}`
  return { id, deployment, revision, specHash, port, startedAtMs, pid, url }
}

async function portFromSystem(): Promise<number> {
  const server = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resolve(port))
  })
  return promise
}
