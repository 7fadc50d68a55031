import { hostname, totalmem, availableParallelism } from 'node:os'
import type { Device } from '../../core/device.ts'
import { AppError } from '../../core/errors.ts'
import type { Assignment, Node, Taint } from '../../core/node.ts'
import type { DeviceVendor } from '../../devices/device.ts'
import { namespaceTrouble } from './network-namespace.ts'

/** A node of the process runtime: this machine, or a part of it. */
export interface ProcessNode {
  readonly name: string
  /** A network namespace (`ip netns`) that its replicas run in. Null: that of this process. */
  readonly namespace: string | null
  /** Where its replicas listen. */
  readonly address: string
  readonly zone: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  readonly isSpot: boolean
  readonly pricePerHourUsd: number | null
  readonly interconnectGroup: string | null
  /** Null: an equal part of the machine. */
  readonly cpus: number | null
  readonly memoryBytes: number | null
  /** Null: whatever is found. Else those of the machine with these ids. */
  readonly deviceIds: readonly string[] | null
  /** Devices that are only played. */
  readonly simulatedDevices: readonly Device[]
}

export const thisMachine: ProcessNode = {
  name: hostname(),
  namespace: null,
  address: '127.0.0.1',
  zone: null,
  labels: {},
  taints: [],
  isSpot: false,
  pricePerHourUsd: null,
  interconnectGroup: null,
  cpus: null,
  memoryBytes: null,
  deviceIds: null,
  simulatedDevices: [],
}

export interface ProcessNodes {
  inventory(): Promise<readonly Node[]>
  /** Null: the first. Throws `runtime/unknown-node`. */
  find(name: string | null): ProcessNode
  /** Throws `runtime/unknown-node` and `runtime/unknown-device`. */
  resolve(assignment: Assignment): Promise<{ node: ProcessNode; devices: readonly Device[] }>
  /** Environment that keeps a process to its devices. */
  pin(devices: readonly Device[]): Readonly<Record<string, string>>
  /** Why the node can't be reached; null: it can. */
  trouble(node: ProcessNode): Promise<string | null>
  readonly all: readonly ProcessNode[]
}

/** Devices don't come and go; their free memory does. */
const inventoryAgeMs = 2000

export function createProcessNodes(
  runtime: string,
  nodes: readonly ProcessNode[],
  vendors: readonly DeviceVendor[],
): ProcessNodes {
  let found: Promise<readonly Device[]> | undefined
  let foundAtMs = -Infinity
  const machineDevices = (): Promise<readonly Device[]> => {
    if (!found || performance.now() - foundAtMs > inventoryAgeMs) {
      foundAtMs = performance.now()
      found = Promise.all(vendors.map((vendor) => vendor.inventory())).then((all) => all.flat())
    }
    return found
  }
  const devicesOf = async (node: ProcessNode): Promise<readonly Device[]> => {
    const real = (await machineDevices()).filter(
      (device) => node.deviceIds === null || node.deviceIds.includes(device.id),
    )
    return [...real, ...node.simulatedDevices]
  }
  const find = (name: string | null): ProcessNode => {
    const node = name === null ? nodes[0] : nodes.find((one) => one.name === name)
    if (node) return node
    const known = nodes.map((one) => one.name).join(', ')
    throw new AppError('runtime/unknown-node', {
      message: `${runtime} has no node "${name}"; there is: ${known}`,
    })
  }

  return {
    all: nodes,
    find,
    trouble: namespaceTrouble,
    async inventory() {
      return Promise.all(
        nodes.map(async (node) => {
          const reason = await namespaceTrouble(node)
          return toNode(runtime, node, nodes.length, await devicesOf(node), reason)
        }),
      )
    },
    async resolve(assignment) {
      const node = find(assignment.node)
      if (assignment.devices.length === 0) return { node, devices: [] }
      const offered = await devicesOf(node)
      const devices = assignment.devices.map((id) => {
        const device = offered.find((one) => one.id === id)
        if (device) return device
        const known = offered.map((one) => one.id).join(', ') || 'none'
        throw new AppError('runtime/unknown-device', {
          message: `node "${node.name}" has no device "${id}"; it has: ${known}`,
        })
      })
      return { node, devices }
    },
    pin: (devices) =>
      Object.assign(
        {},
        ...vendors.map((vendor) => {
          const own = devices.filter((device) => device.vendor === vendor.name)
          return own.length > 0 ? vendor.pin(own) : {}
        }),
      ) as Record<string, string>,
  }
}

function toNode(
  runtime: string,
  node: ProcessNode,
  shares: number,
  devices: readonly Device[],
  trouble: string | null,
): Node {
  const machineBytes = Math.min(totalmem(), process.constrainedMemory() || Infinity)
  const memoryBytes = node.memoryBytes ?? Math.floor(machineBytes / shares)
  const { name, zone, labels, taints, isSpot, pricePerHourUsd, interconnectGroup } = node
  return {
    name,
    runtime,
    state: trouble === null ? 'ready' : 'gone',
    reason: trouble ?? '',
    zone,
    labels,
    taints,
    isSpot,
    pricePerHourUsd,
    interconnectGroup,
    cpus: node.cpus ?? availableParallelism() / shares,
    memoryBytes,
    freeMemoryBytes: Math.min(memoryBytes, process.availableMemory()),
    devices,
  }
}
