import type { Device } from '../../core/device.ts'
import type { DeviceVendor } from '../device.ts'
import { runTool, type RunTool } from '../tool.ts'
import { nvidiaKubernetes } from './kubernetes.ts'
import { linkGroups, parseDevices, parseReadings, parseSlices, queryFields } from './nvidia-smi.ts'

const query = [
  'nvidia-smi',
  `--query-gpu=${queryFields.join(',')}`,
  '--format=csv,noheader,nounits',
]

/** NVIDIA GPUs and their MIG slices, by `nvidia-smi`. */
export function createNvidia(run: RunTool = runTool): DeviceVendor {
  return {
    name: 'nvidia',
    async inventory() {
      const text = await run(query)
      if (text === null) return []
      const [list, topology] = await Promise.all([
        run(['nvidia-smi', '-L']),
        run(['nvidia-smi', 'topo', '-m']),
      ])
      return withSlices(parseDevices(text, linkGroups(topology ?? '')), list ?? '')
    },
    async readings() {
      return parseReadings((await run(query)) ?? '')
    },
    // Without the order CUDA counts the fastest first and indices mean other cards than in nvidia-smi.
    pin: (devices) => ({
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
      CUDA_VISIBLE_DEVICES: devices.map((device) => device.id).join(','),
    }),
    container: (devices) => ({
      request: { driver: 'nvidia', ids: devices.map((device) => device.id) },
      files: [],
      groups: [],
      env: { NVIDIA_DRIVER_CAPABILITIES: 'compute,utility' },
    }),
    kubernetes: nvidiaKubernetes,
  }
}

/** A card that is cut up is offered as its slices. */
function withSlices(devices: readonly Device[], list: string): readonly Device[] {
  const slices = parseSlices(list)
  return devices.flatMap((device) => {
    const own = slices.filter((slice) => slice.of === device.id)
    if (own.length === 0) return device
    return own.map(({ id, profile }, index): Device => {
      const memoryBytes = sliceBytes(profile, device.memoryBytes)
      return {
        ...device,
        id,
        index: device.index * 100 + index,
        memoryBytes,
        // The tool tells of the whole card only.
        freeMemoryBytes: memoryBytes,
        linkGroup: null,
        slice: { of: device.id, profile },
      }
    })
  })
}

/** `1g.10gb`: the second number is the slice's memory. */
function sliceBytes(profile: string, cardBytes: number): number {
  const gigabytes = /\.(\d+)gb/.exec(profile)?.[1]
  return gigabytes === undefined ? 0 : Math.min(cardBytes, Number(gigabytes) * 2 ** 30)
}
