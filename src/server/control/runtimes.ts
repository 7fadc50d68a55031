import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Config } from '../../contract/config.ts'
import type { NodeConfig } from '../../contract/runtimes.ts'
import { playedVendor, type Device } from '../../core/device.ts'
import { AppError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { anywhere } from '../../core/node.ts'
import { createVendors } from '../../devices/index.ts'
import type { LaunchPlan } from '../../engines/engine.ts'
import { resolveAccelerator } from '../../planner/accelerators/resolve-accelerator.ts'
import { combineRuntimes } from '../../runtimes/combined.ts'
import { createExternalRuntime } from '../../runtimes/external/external.ts'
import { createRuntime } from '../../runtimes/index.ts'
import { createProcessRuntime } from '../../runtimes/process/process.ts'
import { thisMachine, type ProcessNode } from '../../runtimes/process/nodes.ts'
import type { Runtime } from '../../runtimes/runtime.ts'
import { readSecrets } from '../../runtimes/secrets.ts'

/** Everything that the config names as a place for replicas, as one runtime. */
export async function createRuntimes(
  config: Pick<Config, 'nodes' | 'devices' | 'runtimes' | 'models'>,
  { dataDirectory, environment, log }: RuntimesDeps,
): Promise<Runtime> {
  const vendors = createVendors(config.devices)
  const nodes = config.nodes.length > 0 ? config.nodes.map(toNode) : [thisMachine]
  const local = createProcessRuntime({ dataDirectory, environment, nodes, vendors })
  const deps = {
    owner: createHash('sha256').update(dataDirectory).digest('hex').slice(0, 8),
    vendors,
    models: config.models.directory ?? join(dataDirectory, 'models'),
    freePort: async () => (await local.endpoint(anywhere)).port,
    secretsOf: (secrets: LaunchPlan['secrets']) => readSecrets(dataDirectory, secrets),
    environment,
  }
  const others = await Promise.all(
    Object.entries(config.runtimes).map(([name, one]) => createRuntime(name, one, deps)),
  )
  const external = createExternalRuntime(join(dataDirectory, 'run', 'external'))
  return combineRuntimes([local, ...others], external, (runtime, reason) => {
    if (reason === null) log.info({ runtime }, 'the runtime can be reached again')
    else log.warn({ runtime, reason }, 'the runtime can not be reached')
  })
}

interface RuntimesDeps {
  readonly dataDirectory: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: Log
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
    vendor: playedVendor,
    model: accelerator.name,
    index,
    memoryBytes,
    freeMemoryBytes: memoryBytes,
    linkGroup: link.kind === 'nvlink' || link.kind === 'infinity-fabric' ? link.kind : null,
    slice: null,
    fault: null,
  }))
}
