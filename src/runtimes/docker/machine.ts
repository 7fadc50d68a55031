import type { DockerConfig } from '../../contract/runtimes.ts'
import type { Device } from '../../core/device.ts'
import { AppError } from '../../core/errors.ts'
import type { Assignment, Node } from '../../core/node.ts'
import type { DeviceVendor } from '../../devices/device.ts'
import type { Daemon } from './daemon.ts'

/** The machine that a daemon runs on, as a node. */
export interface Machine {
  readonly name: string
  /** Asks the daemon. */
  look(): Promise<Node>
  /** As it was when it was last seen. */
  last(): Node | undefined
  /** Devices of an assignment. Throws `runtime/unknown-node` and `runtime/unknown-device`. */
  resolve(assignment: Assignment): Promise<readonly Device[]>
}

export function createMachine(deps: {
  /** Of the runtime. */
  readonly name: string
  readonly config: Pick<DockerConfig, 'zone' | 'labels'>
  readonly vendors: readonly DeviceVendor[]
  readonly daemon: Daemon
}): Machine {
  const { name: runtime, config, vendors, daemon } = deps
  const name = `${runtime}/docker`
  let last: Node | undefined

  const devices = async (): Promise<readonly Device[]> => {
    if (!daemon.isLocal) return []
    return (await Promise.all(vendors.map((vendor) => vendor.inventory()))).flat()
  }

  return {
    name,
    last: () => last,
    async look() {
      const { NCPU: cpus, MemTotal: memoryBytes } = (await daemon.ask(() =>
        daemon.docker.info(),
      )) as { NCPU: number; MemTotal: number }
      last = {
        name,
        runtime,
        state: 'ready',
        reason: '',
        zone: config.zone ?? null,
        labels: config.labels,
        taints: [],
        isSpot: false,
        pricePerHourUsd: null,
        interconnectGroup: null,
        cpus,
        memoryBytes,
        freeMemoryBytes: daemon.isLocal
          ? Math.min(memoryBytes, process.availableMemory())
          : memoryBytes,
        devices: await devices(),
      }
      return last
    },
    async resolve({ node: wanted, devices: ids }) {
      if (wanted !== null && wanted !== name)
        throw new AppError('runtime/unknown-node', {
          message: `there is no node "${wanted}"; there is: ${name}`,
        })
      if (ids.length === 0) return []
      const offered = await devices()
      return ids.map((id) => {
        const device = offered.find((one) => one.id === id)
        if (device) return device
        throw new AppError('runtime/unknown-device', { message: `${name} has no device "${id}"` })
      })
    },
  }
}
