import { setTimeout as delay } from 'node:timers/promises'
import type { KubernetesConfig } from '../../contract/runtimes.ts'
import { AppError } from '../../core/errors.ts'
import type { Assignment } from '../../core/node.ts'
import type { DeviceVendor } from '../../devices/device.ts'
import type { LaunchPlan } from '../../engines/engine.ts'
import { createEndedLogs } from '../ended-logs.ts'
import type { ReplicaIdentity, RunningReplica, Runtime, RuntimeEvent } from '../runtime.ts'
import { collectionOf, type KubernetesApi } from './api.ts'
import { openCluster, type Cluster } from './cluster.ts'
import { manifestsOf } from './manifests.ts'
import { containerName, identityAnnotation, labelKeys, objectName, serviceName } from './names.ts'
import { ending, endOfMember, observe, type Ending, type Observation } from './observe.ts'
import type { Pod, WorkloadObject } from './objects.ts'
import { budgetNameOf, replicaWorkload } from './replica-workload.ts'

export interface KubernetesRuntimeDeps {
  readonly name: string
  readonly config: KubernetesConfig
  readonly vendors: readonly DeviceVendor[]
  readonly api: KubernetesApi
}

/** What rides along in an annotation. */
interface CarriedIdentity extends ReplicaIdentity {
  readonly devices: readonly string[]
}

/** Every engine has an address of its own. */
const port = 8000
const tailLines = 20
const pollMs = 100
/** Beyond the grace: for the cluster to do what it was told. */
const patienceMs = 60_000
/** It has ended already; only its objects go. */
const endedGraceMs = 1000

/**
 * A Deployment of one pod for each replica, with a Service in front, so that the address outlives the pod. While a
 * control watches, the end of an engine is told and its objects go, as in every runtime; while none does, the cluster
 * starts it again by itself.
 */
export function createKubernetesRuntime(deps: KubernetesRuntimeDeps): Runtime {
  const { name, config, api } = deps
  const listeners: ((event: RuntimeEvent) => void)[] = []
  const stopping = new Set<string>()
  /** Replicas that were seen, with the pod that was looked at and how often it had been started anew. */
  const seen = new Map<string, { uid: string; restarts: number }>()
  const ended = createEndedLogs()
  let isClosed = false

  const cluster: Cluster = openCluster(deps, {
    replicaChanged: (id) => void look(id),
    nodeChanged: (node, reason) => {
      const full = `${name}/${node}`
      tell(
        reason === null
          ? { kind: 'node-back', node: full }
          : { kind: 'node-gone', node: full, reason },
      )
      if (reason !== null) for (const id of cluster.groupsOn(node)) loseGroup(id, full)
    },
  })

  const tell = (event: RuntimeEvent): void => {
    if (!isClosed) for (const listener of listeners) listener(event)
  }

  /** Compares what a replica was with what it is. */
  const look = async (id: string): Promise<void> => {
    if (stopping.has(id) || ended.has(id)) return
    const workload = cluster.workload(id)
    if (!workload || workload.metadata.deletionTimestamp !== undefined) {
      if (!seen.delete(id)) return
      lose(id, 'it was deleted in the cluster by another hand')
      return
    }
    const observation = observe(workload, cluster.pods(id), cluster.queued())
    const home = homeOf(observation)
    if (home !== null && cluster.isClosed(home)) {
      seen.delete(id)
      lose(id, `its node ${home} takes it no more`)
      return
    }
    const uid = observation.pod?.metadata.uid ?? ''
    const before = seen.get(id)
    const isNewPod = before !== undefined && before.uid !== uid && before.uid !== ''
    const restarts = before === undefined ? observation.restarts : isNewPod ? 0 : before.restarts
    seen.set(id, { uid, restarts })
    const end = observation.end ?? (observation.restarts > restarts ? lastEnd(observation) : null)
    if (end) await tellEnd(id, observation, end)
  }

  const lose = (id: string, reason: string): void => {
    ended.keep(id, [])
    tell({ kind: 'lost', id, reason })
    void discard(id)
  }

  /** What is left of a group is no replica, and holds devices. One that is placed alone may be back with its node. */
  const loseGroup = (id: string, node: string): void => {
    if (stopping.has(id) || ended.has(id)) return
    seen.delete(id)
    lose(id, `its node ${node} is out of reach`)
  }

  const tellEnd = async (
    id: string,
    { endedPod: pod, restarts }: Observation,
    end: Ending,
  ): Promise<void> => {
    ended.keep(id, [])
    const lines = await lastLines(pod, restarts > 0 && end !== null)
    const known = lines.length > 0 ? lines : end.lastWords.split('\n').filter(Boolean)
    const words = end.reason === '' ? known : [...known, end.reason]
    ended.keep(id, words)
    seen.delete(id)
    if (stopping.has(id)) return
    tell({
      kind: 'ended',
      id,
      exitCode: end.exitCode,
      signal: end.signal,
      logTail: words.join('\n'),
      ...(end.failure ? { failure: end.failure } : {}),
    })
    await discard(id)
  }

  const lastLines = async (pod: Pod | null, mayBePrevious: boolean): Promise<readonly string[]> => {
    if (!pod) return []
    const { signal } = new AbortController()
    for (const previous of mayBePrevious ? [true, false] : [false])
      try {
        const lines = await api.log(cluster.podPath(pod), { ...logQuery, previous }, signal)
        if (lines) return await Array.fromAsync(lines)
      } catch {
        // The node is gone, or has thrown the log away.
      }
    return []
  }

  /** Of one that has ended or was taken away: what is left of it. */
  const discard = async (id: string): Promise<void> => {
    try {
      await remove(id, endedGraceMs)
    } catch {
      // The next stop or list of it finds what is left.
    }
  }

  const remove = async (id: string, graceMs: number): Promise<void> => {
    const deployment = cluster.workload(id)?.metadata.labels?.[labelKeys.deployment]
    await cluster.removeWorkload(id)
    await cluster.endPods(id, Math.ceil(graceMs / 1000))
    await waitUntilGone(id, graceMs + patienceMs)
    const objects = [
      ['Service', objectName(id)],
      ['Service', serviceName(objectName(id), true)],
      ['ConfigMap', objectName(id)],
    ].map(([kind = '', of]) => api.remove(`${collectionOf('v1', kind, config.namespace)}/${of}`))
    await Promise.all(objects)
    if (deployment !== undefined && !cluster.ids(deployment).some((one) => one !== id))
      await api.remove(
        `${collectionOf('policy/v1', 'PodDisruptionBudget', config.namespace)}/${budgetNameOf(deployment)}`,
      )
  }

  const waitUntilGone = async (id: string, withinMs: number): Promise<void> => {
    const deadlineMs = performance.now() + withinMs
    while (cluster.workload(id) || cluster.pods(id).length > 0) {
      await cluster.forcePodsOfGoneNodes(id)
      if (performance.now() > deadlineMs)
        throw new AppError('runtime/refused', {
          message: `${id} does not go: its pod is still there`,
        })
      await delay(pollMs)
    }
  }

  const toRunning = (workload: WorkloadObject): RunningReplica | null => {
    const carried = carriedBy(workload)
    if (!carried) return null
    const { id, deployment, revision, specHash, devices } = carried
    const { node, waiting, pod } = observe(workload, cluster.pods(id), cluster.queued())
    return {
      id,
      deployment,
      revision,
      specHash,
      port: carried.port,
      pid: null,
      url: cluster.urlOf(id, carried.port, pod),
      startedAtMs: Date.parse(workload.metadata.creationTimestamp),
      node: node === null ? null : `${name}/${node}`,
      devices,
      waiting,
    }
  }

  const start = async (
    identity: ReplicaIdentity,
    plan: LaunchPlan,
    assignment: Assignment,
  ): Promise<RunningReplica> => {
    await cluster.ready()
    if (assignment.nodes > 1) await cluster.needGroups()
    const devices = await cluster.resolve(assignment)
    const known = cluster.workload(identity.id)
    const running = known && toRunning(known)
    if (running) return running
    const carried: CarriedIdentity = { ...identity, devices: assignment.devices }
    const workload = replicaWorkload({ identity, plan, assignment, devices, config, carried })
    for (const manifest of manifestsOf(workload)) {
      const applied = await api.apply<WorkloadObject>(manifest)
      if (manifest.metadata.name === workload.name) cluster.note(manifest.kind, applied)
    }
    await look(identity.id)
    const started = cluster.workload(identity.id)
    const replica = started && toRunning(started)
    if (replica) return replica
    throw new AppError('runtime/refused', { message: `${identity.id} was deleted as it was made` })
  }

  return {
    name,
    spansNodes: true,
    async inventory() {
      await cluster.ready()
      return (await cluster.nodes()).map((view) => view.node)
    },
    endpoint: async () => ({ host: '0.0.0.0', port }),
    async start(identity, plan, assignment) {
      // Asked twice at once, the same is applied twice, which changes nothing.
      ended.forget(identity.id)
      return start(identity, plan, assignment)
    },
    async stop(id, graceMs) {
      await cluster.ready()
      stopping.add(id)
      try {
        await remove(id, graceMs)
        seen.delete(id)
      } finally {
        stopping.delete(id)
      }
    },
    async list() {
      await cluster.ready()
      return cluster
        .workloads()
        .filter((one) => one.metadata.deletionTimestamp === undefined)
        .flatMap((one) => toRunning(one) ?? [])
        .filter((one) => !ended.has(one.id))
    },
    watch: (listener) => void listeners.push(listener),
    async *logs(id, { lines, follow, signal }) {
      await cluster.ready()
      const last = ended.tail(id, lines)
      if (last) {
        yield* last
        return
      }
      for (;;) {
        const workload = cluster.workload(id)
        if (!workload)
          throw new AppError('replica/not-found', { message: `no replica "${id}" in ${name}` })
        const { pod } = observe(workload, cluster.pods(id))
        const query = { container: containerName, tailLines: lines, follow }
        const text = pod ? await api.log(cluster.podPath(pod), query, signal) : null
        if (text) yield* text
        // Not started yet: somebody who follows waits for it.
        if (text || !follow || signal.aborted) return
        await delay(pollMs, undefined, { signal }).catch(() => {})
      }
    },
    async close() {
      isClosed = true
      cluster.close()
    },
  }
}

/** The only node that a pod may go to which is on none yet, as after an eviction. Null: it may go to others, or is there. */
const homeOf = ({ pod, node }: Observation): string | null =>
  (node === null ? pod?.spec.nodeSelector?.['kubernetes.io/hostname'] : undefined) ?? null

const logQuery = { container: containerName, tailLines, follow: false }

function lastEnd({ endedPod }: Observation): Ending {
  const status = endedPod?.status?.containerStatuses?.find((one) => one.name === containerName)
  const terminated = status?.lastState?.terminated
  const end = terminated
    ? ending(terminated)
    : { exitCode: null, signal: null, reason: 'the cluster started it anew', lastWords: '' }
  return endedPod ? endOfMember(endedPod, end) : end
}

function carriedBy({ metadata }: WorkloadObject): CarriedIdentity | null {
  try {
    return JSON.parse(metadata.annotations?.[identityAnnotation] ?? '') as CarriedIdentity
  } catch {
    return null // somebody else's, in spite of its labels
  }
}
