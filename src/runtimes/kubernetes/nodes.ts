import type { Device } from '../../core/device.ts'
import type { Node, Taint } from '../../core/node.ts'
import type { ClusterDevice, DeviceVendor } from '../../devices/device.ts'
import type { ClusterNodeObject, Pod } from './objects.ts'
import { parseQuantity } from './quantity.ts'

/** Baleen's own view of a device of the cluster. */
export interface NodeView {
  readonly node: Node
  /** What to ask for to get a device, by its id. */
  readonly kinds: ReadonlyMap<string, DeviceKind>
}

export interface DeviceKind {
  readonly vendor: string
  readonly model: string
  readonly profile: string | null
}

interface NodesInput {
  readonly runtime: string
  readonly nodes: Iterable<ClusterNodeObject>
  /** All of the cluster that are placed, whoever's they are. */
  readonly pods: Iterable<Pod>
  readonly vendors: readonly DeviceVendor[]
  readonly prices: Readonly<Record<string, number>>
  /** Device ids that replicas of ours hold, by pod name. */
  readonly heldBy: (pod: Pod) => readonly string[]
}

export function nodesOf(input: NodesInput): readonly NodeView[] {
  const pods = Map.groupBy(
    [...input.pods].filter((pod) => !hasEnded(pod)),
    (pod) => pod.spec.nodeName ?? '',
  )
  return [...input.nodes]
    .toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))
    .map((node) => toView(node, pods.get(node.metadata.name) ?? [], input))
}

function toView(object: ClusterNodeObject, pods: readonly Pod[], input: NodesInput): NodeView {
  const { runtime, vendors, prices, heldBy } = input
  const labels = object.metadata.labels ?? {}
  const allocatable = object.status?.allocatable ?? {}
  const name = `${runtime}/${object.metadata.name}`
  const requested = (resource: string): number =>
    pods.reduce((sum, pod) => sum + requestOf(pod, resource), 0)
  const held = new Set(pods.flatMap(heldBy))
  const kinds = new Map<string, DeviceKind>()
  const devices = vendors.flatMap((vendor) =>
    vendor.kubernetes.read({ labels, allocatable }).flatMap((offer) => {
      const made = devicesOf(name, vendor.name, offer, { used: requested(offer.resource), held })
      const { model, profile } = offer
      for (const { id } of made) kinds.set(id, { vendor: vendor.name, model, profile })
      return made
    }),
  )
  const memoryBytes = parseQuantity(allocatable['memory'])
  const { state, reason } = stateOf(object)
  const node: Node = {
    name,
    runtime,
    state,
    reason,
    zone: labels['topology.kubernetes.io/zone'] ?? null,
    labels,
    taints: (object.spec?.taints ?? []).filter(({ key }) => !isOwnTaint(key)).map(toTaint),
    isSpot: spotLabels.some(([key, value]) => labels[key] === value),
    pricePerHourUsd: prices[labels['node.kubernetes.io/instance-type'] ?? ''] ?? null,
    interconnectGroup: interconnectLabels.map((key) => labels[key]).find(Boolean) ?? null,
    cpus: parseQuantity(allocatable['cpu']),
    memoryBytes,
    freeMemoryBytes: Math.max(0, memoryBytes - requested('memory')),
    devices: devices.map((device, index) => ({ ...device, index })),
  }
  return { node, kinds }
}

/** Which of its devices a pod got only the cluster knows: ours keep the names that they were given, others the last. */
function devicesOf(
  node: string,
  vendor: string,
  offer: ClusterDevice,
  { used, held }: { used: number; held: ReadonlySet<string> },
): readonly Device[] {
  const ids = Array.from(
    { length: offer.count },
    (_, index) => `${node}/${offer.resource}/${index}`,
  )
  const ours = ids.filter((id) => held.has(id))
  const free = ids.filter((id) => !held.has(id))
  const taken = new Set([...ours, ...free.slice(free.length - Math.max(0, used - ours.length))])
  return ids.map((id, index) => ({
    id,
    vendor,
    model: offer.model,
    index,
    memoryBytes: offer.memoryBytes,
    freeMemoryBytes: taken.has(id) ? 0 : offer.memoryBytes,
    linkGroup: offer.isLinked ? 'node' : null,
    slice: offer.profile === null ? null : { of: node, profile: offer.profile },
    fault: null,
  }))
}

function stateOf({ spec, status }: ClusterNodeObject): Pick<Node, 'state' | 'reason'> {
  const ready = status?.conditions?.find((one) => one.type === 'Ready')
  if (ready?.status !== 'True')
    return { state: 'gone', reason: ready?.message ?? 'its kubelet has not reported yet' }
  return spec?.unschedulable === true
    ? { state: 'cordoned', reason: 'it is cordoned' }
    : { state: 'ready', reason: '' }
}

const requestOf = (pod: Pod, resource: string): number =>
  pod.spec.containers.reduce(
    (sum, one) => sum + parseQuantity(one.resources?.requests?.[resource]),
    0,
  )

const hasEnded = ({ status }: Pod): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed'

/** The cluster's own, which say what `state` says. */
const isOwnTaint = (key: string): boolean => key.startsWith('node.kubernetes.io/')

const effects = { NoSchedule: 'no', PreferNoSchedule: 'prefer-no', NoExecute: 'evict' } as const

type ApiTaint = NonNullable<NonNullable<ClusterNodeObject['spec']>['taints']>[number]

const toTaint = ({ key, value = '', effect }: ApiTaint): Taint => ({
  key,
  value,
  effect: effects[effect],
})

const spotLabels = [
  ['karpenter.sh/capacity-type', 'spot'],
  ['eks.amazonaws.com/capacityType', 'SPOT'],
  ['cloud.google.com/gke-spot', 'true'],
  ['cloud.google.com/gke-preemptible', 'true'],
  ['kubernetes.azure.com/scalesetpriority', 'spot'],
] as const

/** From the tightest. The first is ours, for clusters whose labels say nothing. */
const interconnectLabels = [
  'baleen.dev/interconnect',
  'nvidia.com/gpu.clique',
  'cloud.google.com/gke-placement-group',
  'topology.k8s.aws/network-node-layer-3',
]
