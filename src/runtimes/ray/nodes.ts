import type { Device } from '../../core/device.ts'
import type { Node } from '../../core/node.ts'
import type { RayNode } from './dashboard.ts'

export const nodeNameOf = (runtime: string, { node_name: name }: Pick<RayNode, 'node_name'>) =>
  `${runtime}/${name}`

/** A node of the cluster as an inventory has it; Ray itself says who gets what of it. */
export function toNode(runtime: string, zone: string | null, node: RayNode): Node {
  const { resources_total: resources, state, labels = {} } = node
  const name = nodeNameOf(runtime, node)
  const isAlive = state === 'ALIVE'
  const memoryBytes = Math.round(resources['memory'] ?? 0)
  return {
    name,
    runtime,
    state: isAlive ? 'ready' : 'gone',
    reason: isAlive ? '' : (node.state_message ?? 'Ray says that it is dead'),
    zone: labels['ray.io/availability-zone'] ?? zone,
    labels,
    taints: [],
    isSpot: labels['ray.io/market-type'] === 'spot',
    pricePerHourUsd: null,
    interconnectGroup: null,
    cpus: resources['CPU'] ?? 0,
    memoryBytes,
    freeMemoryBytes: memoryBytes,
    devices: devicesOf(name, node),
  }
}

/** `GPU: 8` and `accelerator_type:H100: 1`; other kinds are resources named by their vendor. */
function devicesOf(name: string, { resources_total: resources }: RayNode): readonly Device[] {
  const types = Object.keys(resources).flatMap((key) =>
    key.startsWith('accelerator_type:') ? key.slice('accelerator_type:'.length) : [],
  )
  const [model = 'GPU'] = types
  return Object.entries(vendors).flatMap(([resource, vendor]) =>
    Array.from({ length: Math.floor(resources[resource] ?? 0) }, (_, index) => ({
      id: `${name}/${resource}/${index}`,
      vendor: /^(AMD|MI\d)/i.test(model) ? 'amd' : vendor,
      model,
      index,
      memoryBytes: 0,
      freeMemoryBytes: 0,
      linkGroup: null,
      slice: null,
      fault: null,
    })),
  )
}

const vendors = { GPU: 'nvidia', TPU: 'tpu', neuron_cores: 'neuron', HPU: 'gaudi' } as const
