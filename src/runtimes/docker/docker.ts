import { setTimeout as delay } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { DockerConfig } from '../../contract/runtimes.ts'
import type { Device } from '../../core/device.ts'
import { AppError, toAppError } from '../../core/errors.ts'
import type { Assignment } from '../../core/node.ts'
import type { DeviceVendor } from '../../devices/device.ts'
import type { LaunchPlan } from '../../engines/engine.ts'
import { createEndedLogs } from '../ended-logs.ts'
import { exitStatus } from '../exit-status.ts'
import type { ReplicaIdentity, RunningReplica, Runtime, RuntimeEvent } from '../runtime.ts'
import {
  containerName,
  containerOf,
  filesPath,
  identityLabel,
  mergeAccess,
  ownerLabel,
  replicaLabel,
} from './container.ts'
import { lastLines, linesOf } from './container-log.ts'
import { connectDaemon, orNull } from './daemon.ts'
import { followEvents, type ContainerEvent } from './events.ts'
import { createMachine } from './machine.ts'
import { needImage } from './pull.ts'
import { tarOf } from './tar.ts'

export interface DockerRuntimeDeps {
  readonly name: string
  readonly owner: string
  readonly config: DockerConfig
  readonly vendors: readonly DeviceVendor[]
  /** Directory of this machine that holds models. */
  readonly models: string
  /** A port of this machine that nobody uses. */
  freePort(): Promise<number>
  /** Values of the secrets that a plan names. */
  secretsOf(secrets: LaunchPlan['secrets']): Readonly<Record<string, string>>
}

interface Carried extends ReplicaIdentity {
  readonly startedAtMs: number
  readonly devices: readonly string[]
}

interface Pulling {
  readonly replica: RunningReplica
  readonly stopped: AbortController
  text: string
}

const tailLines = 20
/** More than a reader of an ended replica's log needs. */
const keptLines = 200

/** Replicas as containers of one Docker daemon, each named, labelled and never started again by Docker itself. */
export function createDockerRuntime(deps: DockerRuntimeDeps): Runtime {
  const { name, owner, config, vendors } = deps
  const daemon = connectDaemon(config.host)
  const { docker, ask } = daemon
  const machine = createMachine({ ...deps, daemon })
  const node = machine.name
  const network = config.network ?? null
  const listeners: ((event: RuntimeEvent) => void)[] = []
  const stopping = new Set<string>()
  const pulling = new Map<string, Pulling>()
  const ended = createEndedLogs()
  /** What was there, for when the daemon does not answer. */
  let lastRunning: readonly RunningReplica[] | undefined
  let trouble: string | null = null

  const tell = (event: RuntimeEvent): void => {
    for (const listener of listeners) listener(event)
  }
  const container = (id: string): Docker.Container => docker.getContainer(containerName(owner, id))
  const own = { label: [`${ownerLabel}=${owner}`] }

  const events = followEvents(docker, own, {
    ended: (event) => void onEnd(event),
    connected: () => void resync(),
    stateChanged(reason) {
      trouble = reason
      if (listeners.length === 0) return
      tell(reason === null ? { kind: 'node-back', node } : { kind: 'node-gone', node, reason })
    },
  })

  const onEnd = async ({ id, exitCode }: ContainerEvent): Promise<void> => {
    if (stopping.has(id) || ended.has(id)) return
    ended.keep(id, [])
    const state = await inspectState(id)
    const lines = await lastLines(docker, container(id), keptLines)
    const words = state?.OOMKilled ? [...lines, 'out of memory: killed by the kernel'] : lines
    ended.keep(id, words)
    await removeContainer(id)
    if (stopping.has(id)) return
    const logTail = words.slice(-tailLines).join('\n')
    tell({ kind: 'ended', id, ...exitStatus(exitCode ?? state?.ExitCode ?? 0), logTail })
  }
  const inspectState = async (id: string) =>
    orNull(container(id).inspect()).then((found) => found?.State ?? null)
  const removeContainer = async (id: string): Promise<void> => {
    await orNull(container(id).remove({ force: true, v: true }))
  }

  /** Those that ended while nobody listened: they are told if they were ours to watch. */
  const resync = async (): Promise<void> => {
    await machine.look().catch(() => {})
    const all = await ask(() => docker.listContainers({ all: true, filters: own })).catch(() => [])
    for (const one of all) {
      const id = one.Labels[replicaLabel]
      if (id === undefined || isAlive(one.State)) continue
      // Made by a control that died before it could start it.
      if (one.State === 'created') await (pulling.has(id) ? undefined : removeContainer(id))
      else void onEnd({ id, exitCode: null })
    }
  }

  const toRunning = (carried: Carried, address: string): RunningReplica => {
    const { id, deployment, revision, specHash, port, devices, startedAtMs } = carried
    const url = `http://${address}:${port}`
    const common = { id, deployment, revision, specHash, port, devices, url, startedAtMs }
    return { ...common, pid: null, node, waiting: null }
  }
  const listed = async (): Promise<readonly RunningReplica[]> => {
    const all = await ask(() => docker.listContainers({ all: true, filters: own }))
    return all.flatMap((one) => {
      const carried = parse(one.Labels[identityLabel])
      if (!carried || !isAlive(one.State) || ended.has(carried.id)) return []
      const ip = Object.values(one.NetworkSettings?.Networks ?? {})[0]?.IPAddress
      const isOwnAddress = network !== null && network !== 'host' && ip
      return toRunning(carried, isOwnAddress ? ip : '127.0.0.1')
    })
  }
  /** While the daemon is away, containers go on: what was there counts as being there. */
  const running = async (): Promise<readonly RunningReplica[]> => {
    try {
      lastRunning = await listed()
    } catch (thrown) {
      if (!lastRunning || toAppError(thrown).code !== 'runtime/unreachable') throw thrown
    }
    return lastRunning.filter((one) => !ended.has(one.id))
  }

  const create = async (
    carried: Carried,
    plan: LaunchPlan,
    assignment: Assignment,
    devices: readonly Device[],
    signal: AbortSignal,
  ): Promise<void> => {
    const { id, port } = carried
    const image = plan.image ?? ''
    const access = mergeAccess(
      vendors.flatMap((vendor) => {
        const some = devices.filter((device) => device.vendor === vendor.name)
        return some.length > 0 ? vendor.container(some) : []
      }),
    )
    const secrets = deps.secretsOf(plan.secrets)
    const { models } = deps
    const input = {
      owner,
      id,
      carried,
      plan,
      image,
      secrets,
      assignment,
      access,
      port,
      network,
      models,
    }
    const made = await docker.createContainer({ ...containerOf(input), abortSignal: signal })
    try {
      if (Object.keys(plan.files).length > 0)
        await made.putArchive(tarOf(filesPath, plan.files), { path: '/' })
      await made.start({ abortSignal: signal })
    } catch (thrown) {
      await removeContainer(id)
      throw thrown
    }
  }

  return {
    name,
    async inventory() {
      try {
        return [await machine.look()]
      } catch (thrown) {
        const last = machine.last()
        if (!last) throw thrown
        return [{ ...last, state: 'gone', reason: trouble ?? toAppError(thrown).message }]
      }
    },
    async endpoint() {
      // On the host's own network it is as if there were no container.
      return { host: network === 'host' ? '127.0.0.1' : '0.0.0.0', port: await deps.freePort() }
    },
    async start(identity, plan, assignment) {
      const { id } = identity
      const devices = await machine.resolve(assignment)
      const before = pulling.get(id)?.replica ?? (await running()).find((one) => one.id === id)
      if (before) return before
      if (plan.image === null)
        throw new AppError('runtime/refused', {
          message: `the engine of "${identity.deployment}" has no container image`,
          hint: 'Name one with settings.image, or run it on the runtime `process`.',
        })
      const startedAtMs = Date.now()
      const carried: Carried = { ...identity, startedAtMs, devices: assignment.devices }
      const stopped = new AbortController()
      const replica = { ...toRunning(carried, '127.0.0.1'), waiting: 'asks for its image' }
      const current: Pulling = { replica, stopped, text: replica.waiting }
      // Another start may have come in between.
      const other = pulling.get(id)
      if (other) return other.replica
      pulling.set(id, current)
      ended.forget(id)
      const { image } = plan
      const { signal } = stopped
      void (async () => {
        await needImage(docker, image, signal, (text) => (current.text = text))
        await create(carried, plan, assignment, devices, signal)
      })()
        .catch((thrown: unknown) => {
          if (signal.aborted || stopping.has(id)) return
          const { code, message, hint } = daemon.errorOf(thrown)
          ended.keep(id, [message])
          const failure = { code, message, mend: hint }
          tell({ kind: 'ended', id, exitCode: null, signal: null, logTail: message, failure })
        })
        .finally(() => pulling.delete(id))
      return replica
    },
    async stop(id, graceMs) {
      stopping.add(id)
      try {
        const before = pulling.get(id)
        before?.stopped.abort()
        while (pulling.get(id) === before && before) await delay(10)
        const t = Math.max(0, Math.ceil(graceMs / 1000))
        await ask(() => orNull(container(id).stop({ t })))
        await ask(() => removeContainer(id))
      } finally {
        stopping.delete(id)
      }
    },
    async list() {
      const there = await running()
      const ids = new Set(there.map((one) => one.id))
      const coming = [...pulling.values()]
        .filter(({ replica }) => !ids.has(replica.id))
        .map(({ replica, text }) => ({ ...replica, waiting: text }))
      return [...there, ...coming]
    },
    watch: (listener) => void listeners.push(listener),
    async *logs(id, request) {
      const last = ended.tail(id, request.lines)
      if (last) {
        yield* last
        return
      }
      while (request.follow && pulling.has(id) && !request.signal.aborted)
        await delay(100, undefined, { signal: request.signal }).catch(() => {})
      if (pulling.has(id)) return
      const text = await ask(() => linesOf(docker, container(id), request))
      if (!text)
        throw new AppError('replica/not-found', { message: `no replica "${id}" in ${name}` })
      yield* text
    },
    async close() {
      listeners.splice(0)
      events.close()
    },
  }
}

const isAlive = (state: string): boolean =>
  state === 'running' || state === 'paused' || state === 'restarting'

function parse(text: string | undefined): Carried | null {
  try {
    return JSON.parse(text ?? '') as Carried
  } catch {
    return null
  }
}
