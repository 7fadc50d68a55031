import type { Device } from '../../core/device.ts'
import { AppError } from '../../core/errors.ts'
import type { DeviceVendor, KubernetesDevices } from '../device.ts'
import { pluginDevices, type ResourceWords } from '../kubernetes.ts'

/** A kind of accelerator in words only: enough for one behind a device plugin, or that its engine is told of. */
export interface GenericDevices {
  readonly name: string
  /** Devices of this machine, as the config says; nothing is looked for. */
  readonly devices: readonly Pick<Device, 'id' | 'model' | 'memoryBytes'>[]
  /** Variables that keep a process to its devices: `{ids}` or `{indices}`, joined by commas. */
  readonly pin: Readonly<Record<string, string>>
  /** Device files of a container. `{index}` stands for each device's own. */
  readonly files: readonly string[]
  /** Null: no device plugin offers it. */
  readonly kubernetes: ResourceWords | null
}

export function createGeneric(words: GenericDevices): DeviceVendor {
  const pin = (devices: readonly Device[]): Readonly<Record<string, string>> => {
    const ids = devices.map((device) => device.id).join(',')
    const indices = devices.map((device) => device.index).join(',')
    const said = (text: string): string =>
      text.replaceAll('{ids}', ids).replaceAll('{indices}', indices)
    return Object.fromEntries(Object.entries(words.pin).map(([key, text]) => [key, said(text)]))
  }
  return {
    name: words.name,
    inventory: async () =>
      words.devices.map(({ id, model, memoryBytes }, index) => ({
        id,
        vendor: words.name,
        model,
        index,
        memoryBytes,
        freeMemoryBytes: memoryBytes,
        linkGroup: null,
        slice: null,
        fault: null,
      })),
    readings: async () => [],
    pin,
    container(devices) {
      const files = words.files.flatMap((file) =>
        file.includes('{index}')
          ? devices.map((device) => file.replaceAll('{index}', String(device.index)))
          : file,
      )
      return { request: null, files, groups: [], env: pin(devices) }
    },
    kubernetes: words.kubernetes ? pluginDevices(words.kubernetes) : notInClusters(words.name),
  }
}

const notInClusters = (name: string): KubernetesDevices => ({
  read: () => [],
  ask() {
    throw new AppError('runtime/unknown-device', {
      message: `no cluster is known to offer "${name}"`,
      hint: 'Name the resource of its device plugin in the config: devices[].kubernetes.resource.',
    })
  },
})
