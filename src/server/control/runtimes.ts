import type { Config } from '../../contract/config.ts'
import type { NodeConfig } from '../../contract/runtimes.ts'
import type { Device } from '../../core/device.ts'
import { AppError } from '../../core/errors.ts'
import { createVendors } from '../../devices/index.ts'
import { resolveAccelerator } from '../../planner/accelerators/resolve-accelerator.ts'
import { createProcessRuntime } from '../../runtimes/process/process.ts'
import { thisMachine, type ProcessNode } from '../../runtimes/process/nodes.ts'
import type { Runtime } from '../../runtimes/runtime.ts'

/** Everything that the config names as a place for replicas. */
export function createRuntimes(
  config: Pick<Config, 'nodes' | 'devices'>,
  deps: {
    readonly dataDirectory: string
    readonly environment: Readonly<Record<string, string | undefined>>
  },
): Runtime {
  const vendors = createVendors(config.devices)
  const nodes = config.nodes.length > 0 ? config.nodes.map(toNode) : [thisMachine]
  return createProcessRuntime({ ...deps, nodes, vendors })
}

const toNode = (config: NodeConfig): ProcessNode => ({
  name: config.name,
  namespace: config.netns ?? null,
  address: config.address,
  zone: config.zone ?? null,
  labels: config.labels,
  taints: config.taints,
  isSpot: config.spot,
  pricePerHourUsd: config.pricePerHour ?? null,
  interconnectGroup: config.interconnect ?? null,
  cpus: config.cpus ?? null,
  memoryBytes: config.memory ?? null,
  deviceIds: config.hardware === undefined ? (config.devices ?? null) : [],
  simulatedDevices:
    config.hardware === undefined ? [] : playedDevices(config.name, config.hardware),
})

/** `h100:8` as devices that no engine but `simulated` can use. */
function playedDevices(node: string, hardware: string): readonly Device[] {
  const [name = '', count = '1'] = hardware.split(':')
  const accelerator = resolveAccelerator(name)
  if (!accelerator)
    throw new AppError('config/invalid', {
      message: `node "${node}": there is no accelerator "${name}" in the catalogue`,
      param: 'nodes',
    })
  const { memoryBytes, link } = accelerator
  return Array.from({ length: Number(count) }, (_, index) => ({
    id: `${node}-${name}-${index}`,
    vendor: 'simulated',
    model: accelerator.name,
    index,
    memoryBytes,
    freeMemoryBytes: memoryBytes,
    linkGroup: link.kind === 'nvlink' || link.kind === 'infinity-fabric' ? link.kind : null,
    slice: null,
    fault: null,
  }))
}
