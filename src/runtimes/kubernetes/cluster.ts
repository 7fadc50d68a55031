import type { KubernetesConfig } from '../../contract/runtimes.ts'
import { AppError } from '../../core/errors.ts'
import type { Assignment } from '../../core/node.ts'
import type { DeviceVendor } from '../../devices/device.ts'
import { collectionOf, type ApiObject, type KubernetesApi } from './api.ts'
import { createInformer, type Informer } from './informer.ts'
import { kindsOf } from './manifests.ts'
import { identityAnnotation, labelKeys, objectName, serviceName } from './names.ts'
import { nodesOf, type NodeView } from './nodes.ts'
import type {
  ClusterNodeObject,
  Pod,
  QueuedObject,
  ServiceObject,
  WorkloadObject,
} from './objects.ts'
import type { Workload } from './workload.ts'

interface ClusterDeps {
  readonly name: string
  readonly config: KubernetesConfig
  readonly vendors: readonly DeviceVendor[]
  readonly api: KubernetesApi
}

interface ClusterEvents {
  replicaChanged(id: string): void
  /** Null: it is back. */
  nodeChanged(node: string, reason: string | null): void
}

/** What is known of a cluster, kept up to date by watches, and the calls that change it. */
export type Cluster = ReturnType<typeof openCluster>

const groupVersion = 'leaderworkerset.x-k8s.io/v1'
const queueGroup = 'kueue.x-k8s.io'
const usageAgeMs = 5000
const settleMs = 100
const settleTries = 100

export function openCluster(deps: ClusterDeps, events: ClusterEvents) {
  const { name, config, vendors, api } = deps
  const { namespace } = config
  const labelSelector = `${labelKeys.managedBy}=baleen,${labelKeys.owner}=${config.owner}`
  const owned = { labelSelector }
  const changed = (object: ApiObject): void => {
    const id = object.metadata.labels?.[labelKeys.replica]
    if (id !== undefined) events.replicaChanged(id)
  }
  const deployments = createInformer<WorkloadObject>(
    api,
    collectionOf('apps/v1', 'Deployment', namespace),
    owned,
    changed,
  )
  const pods = createInformer<Pod>(api, collectionOf('v1', 'Pod', namespace), owned, changed)
  const services = createInformer<ServiceObject>(
    api,
    collectionOf('v1', 'Service', namespace),
    owned,
    () => {},
  )
  const nodes = createInformer<ClusterNodeObject>(api, '/api/v1/nodes', {}, nodeSeen)
  const informers: Informer<ApiObject>[] = [deployments, pods, services, nodes]

  /** Replicas of several nodes. Null: the cluster has no such kind, as far as is known. */
  let groups: Informer<WorkloadObject> | null = null
  let lookingForGroups: Promise<void> | null = null
  const lookForGroups = async (): Promise<void> => {
    const isThere = await api.read(`/apis/${groupVersion}`).catch(() => null)
    if (!isThere || groups) return
    const collection = collectionOf(groupVersion, kindsOf.group, namespace)
    groups = createInformer<WorkloadObject>(api, collection, owned, changed)
    informers.push(groups)
  }

  /** What Kueue thinks of the pods here. Null: no queue is named, or it can't be asked; nothing but a reason depends on it. */
  let queued: Informer<QueuedObject> | null = null
  const lookForQueue = async (): Promise<void> => {
    if (config.queue === undefined) return
    const found = await api.read<ApiGroup>(`/apis/${queueGroup}`).catch(() => null)
    if (!found || queued || isClosed) return
    const { groupVersion: version } = found.preferredVersion
    const collection = collectionOf(version, 'Workload', namespace)
    queued = createInformer<QueuedObject>(api, collection, {}, () => {})
  }
  let isClosed = false
  const all = (): readonly WorkloadObject[] => [
    ...deployments.objects.values(),
    ...(groups?.objects.values() ?? []),
  ]

  /** Reason why a node is out of reach, of all that were ever seen. */
  const troubles = new Map<string, string | null>()
  function nodeSeen({ metadata, status }: ClusterNodeObject, isThere: boolean): void {
    const node = metadata.name
    const ready = status?.conditions?.find((one) => one.type === 'Ready')
    const reason = isThere
      ? ready?.status === 'True'
        ? null
        : (ready?.message ?? 'its kubelet does not report')
      : 'it was removed from the cluster'
    const before = troubles.get(node)
    troubles.set(node, reason)
    if (before === undefined || (before === null) === (reason === null)) return
    events.nodeChanged(node, reason)
  }
  const isGone = (node: string | undefined): boolean =>
    node !== undefined && (troubles.get(node) ?? null) !== null

  let usage: { atMs: number; pods: Promise<readonly Pod[]> } | undefined
  /** Pods of everybody: what of the nodes is taken. */
  const allPods = async (): Promise<readonly Pod[]> => {
    if (!usage || performance.now() - usage.atMs > usageAgeMs) {
      const listing = api
        .list<Pod>('/api/v1/pods', { fieldSelector: 'spec.nodeName!=' })
        .then((page) => page.items)
      usage = { atMs: performance.now(), pods: listing }
    }
    return usage.pods
  }
  const heldBy = (pod: Pod): readonly string[] => {
    const id = pod.metadata.labels?.[labelKeys.replica]
    const isOurs = id !== undefined && pod.metadata.namespace === namespace
    const workload = isOurs ? byId(id) : undefined
    const text = workload?.metadata.annotations?.[identityAnnotation]
    return text === undefined ? [] : (JSON.parse(text) as { devices: string[] }).devices
  }
  const byId = (id: string): WorkloadObject | undefined =>
    deployments.objects.get(objectName(id)) ?? groups?.objects.get(objectName(id))
  const podsOf = (id: string): readonly Pod[] =>
    [...pods.objects.values()].filter((pod) => pod.metadata.labels?.[labelKeys.replica] === id)
  const podPath = (pod: Pod): string =>
    `${collectionOf('v1', 'Pod', namespace)}/${pod.metadata.name}`

  const views = async (): Promise<readonly NodeView[]> =>
    nodesOf({
      runtime: name,
      nodes: nodes.objects.values(),
      pods: await allPods(),
      vendors,
      prices: config.prices,
      heldBy,
    })

  return {
    async ready() {
      await (lookingForGroups ??= Promise.all([lookForGroups(), lookForQueue()]).then(() => {}))
      for (const informer of informers) await informer.ready()
    },
    close() {
      isClosed = true
      for (const informer of informers) informer.close()
      queued?.close()
    },
    nodes: views,
    /** Throws `runtime/refused` where the cluster can't start a replica on several nodes. */
    async needGroups(): Promise<void> {
      if (!groups) await (lookingForGroups = lookForGroups())
      await groups?.ready()
      if (groups) return
      throw new AppError('runtime/refused', {
        message: `${name} has no LeaderWorkerSet, which a replica of several nodes needs`,
        hint: 'Install it: https://lws.sigs.k8s.io.',
      })
    },
    workloads: all,
    workload: byId,
    /** Of all replicas, or of those of a deployment. */
    ids: (deployment: string): readonly string[] =>
      all()
        .filter((one) => one.metadata.labels?.[labelKeys.deployment] === deployment)
        .flatMap((one) => one.metadata.labels?.[labelKeys.replica] ?? []),
    pods: podsOf,
    /** Why Kueue holds pods back. */
    queued: (): Iterable<QueuedObject> => queued?.objects.values() ?? [],
    podPath,
    /** It takes no pod that is not there yet. */
    isClosed: (node: string): boolean =>
      nodes.objects.get(node)?.spec?.unschedulable ?? !nodes.objects.has(node),
    /** Replicas of several nodes that have a pod there. */
    groupsOn: (node: string): readonly string[] =>
      [...pods.objects.values()].flatMap(({ spec, metadata }) => {
        const id = metadata.labels?.[labelKeys.replica]
        const isGroup = id !== undefined && groups?.objects.has(objectName(id)) === true
        return isGroup && spec.nodeName === node ? [id] : []
      }),
    note(kind: string, object: WorkloadObject) {
      if (kind === kindsOf.deployment) deployments.note(object)
      if (kind === kindsOf.group) groups?.note(object)
      if (kind === 'Service') services.note(object as unknown as ServiceObject)
    },

    /** What to ask the cluster for. Throws `runtime/unknown-node` and `runtime/unknown-device`. */
    async resolve(assignment: Assignment): Promise<Workload['devices']> {
      const { node: wanted, devices: ids, accelerators } = assignment
      if (wanted !== null && !wanted.startsWith(`${name}/`)) throw unknownNode(wanted)
      if (wanted !== null && !nodes.objects.has(wanted.slice(name.length + 1)))
        throw unknownNode(wanted)
      if (ids.length === 0) {
        if (!accelerators) return null
        return {
          ...vendorOf(accelerators.vendor).kubernetes.ask(accelerators),
          count: accelerators.count,
        }
      }
      const all = (await views()).filter((view) => wanted === null || view.node.name === wanted)
      const kinds = ids.map((id) => {
        const kind = all.map((view) => view.kinds.get(id)).find((one) => one !== undefined)
        if (kind) return kind
        throw new AppError('runtime/unknown-device', {
          message: `${wanted ?? name} has no device "${id}"`,
        })
      })
      const [first] = kinds
      if (
        !first ||
        kinds.some((kind) => kind.vendor !== first.vendor || kind.profile !== first.profile)
      )
        throw new AppError('runtime/unknown-device', {
          message: `one replica can't have devices of two kinds: ${ids.join(', ')}`,
        })
      const count = ids.length
      const request = { ...first, model: wanted === null ? first.model : null, count }
      return { ...vendorOf(first.vendor).kubernetes.ask(request), count }
    },

    /** Tells the workload to go with all that it made. Returns whether there was one. */
    async removeWorkload(id: string): Promise<void> {
      const of = groups?.objects.has(objectName(id))
        ? collectionOf(groupVersion, kindsOf.group, namespace)
        : collectionOf('apps/v1', kindsOf.deployment, namespace)
      await api.remove(`${of}/${objectName(id)}`, { propagationPolicy: 'Foreground' })
    },
    /** Once nothing makes pods anew, ends those that are left within the grace. */
    async endPods(id: string, graceS: number): Promise<void> {
      const replicaSets = collectionOf('apps/v1', 'ReplicaSet', namespace)
      const ours = { labelSelector: `${labelKeys.replica}=${id}` }
      for (let tries = 0; tries < settleTries; tries++) {
        const { items } = await api.list<ApiObject>(replicaSets, ours)
        if (items.every((one) => one.metadata.deletionTimestamp !== undefined)) break
        await new Promise((resolve) => setTimeout(resolve, settleMs))
      }
      const { items } = await api.list<Pod>(collectionOf('v1', 'Pod', namespace), ours)
      for (const pod of items)
        await api.remove(podPath(pod), { gracePeriodSeconds: Math.max(1, graceS) })
    },
    /** Their kubelet can't say that they ended; when it is back it ends what the cluster no longer knows. */
    async forcePodsOfGoneNodes(id: string): Promise<void> {
      for (const pod of podsOf(id))
        if (isGone(pod.spec.nodeName) && pod.metadata.deletionTimestamp !== undefined)
          await api.remove(podPath(pod), { gracePeriodSeconds: 0 })
    },

    urlOf(id: string, port: number, pod: Pod | null): string {
      if (config.address === 'pod')
        return pod?.status?.podIP === undefined ? '' : `http://${hostOf(pod.status.podIP)}:${port}`
      const service = serviceName(objectName(id), groups?.objects.has(objectName(id)) ?? false)
      if (config.address === 'service') return `http://${service}.${namespace}.svc:${port}`
      const nodePort = services.objects.get(service)?.spec.ports[0]?.nodePort
      const hostIp = pod?.status?.hostIP
      return nodePort === undefined || hostIp === undefined
        ? ''
        : `http://${hostOf(hostIp)}:${nodePort}`
    },
  }

  function unknownNode(node: string): AppError {
    const known = [...nodes.objects.keys()].map((one) => `${name}/${one}`)
    return new AppError('runtime/unknown-node', {
      message: `there is no node "${node}"; there is: ${known.join(', ') || 'none'}`,
    })
  }

  function vendorOf(vendor: string): DeviceVendor {
    const found = vendors.find((one) => one.name === vendor)
    if (found) return found
    throw new AppError('runtime/unknown-device', { message: `nobody knows devices of "${vendor}"` })
  }
}

interface ApiGroup extends ApiObject {
  readonly preferredVersion: { readonly groupVersion: string }
}

const hostOf = (ip: string): string => (ip.includes(':') ? `[${ip}]` : ip)
