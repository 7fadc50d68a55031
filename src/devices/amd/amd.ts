import type { DeviceVendor } from '../device.ts'
import { pluginDevices } from '../kubernetes.ts'
import { runTool, type RunTool } from '../tool.ts'
import { parseMonitor, parseStatic, parseTopology } from './amd-smi.ts'

const describe = ['amd-smi', 'static', '--json', '--asic', '--vram', '--bus']
const measure = [
  'amd-smi',
  'monitor',
  '--csv',
  '--gfx',
  '--vram-usage',
  '--temperature',
  '--power-usage',
]

/** AMD GPUs by `amd-smi`, ROCm 6 and 7. */
export function createAmd(run: RunTool = runTool): DeviceVendor {
  return {
    name: 'amd',
    async inventory() {
      const text = await run(describe)
      if (text === null) return []
      const [monitor, topology] = await Promise.all([
        run(measure),
        run(['amd-smi', 'topology', '--json', '--link-type']),
      ])
      return parseStatic(text, parseMonitor(monitor ?? ''), parseTopology(topology ?? ''))
    },
    async readings() {
      const [text, monitor] = await Promise.all([run(describe), run(measure)])
      const devices = parseStatic(text ?? '', new Map(), new Map())
      const measured = parseMonitor(monitor ?? '')
      return devices.map(({ id, index }) => ({ ...(measured.get(index) ?? nothing), id }))
    },
    // HIP counts what ROCr lets through: one of the two is enough, and the lower one holds for all of a process.
    pin: (devices) => ({ ROCR_VISIBLE_DEVICES: devices.map((device) => device.index).join(',') }),
    container: (devices) => ({
      request: null,
      files: ['/dev/kfd', '/dev/dri'],
      groups: ['video', 'render'],
      env: { ROCR_VISIBLE_DEVICES: devices.map((device) => device.index).join(',') },
    }),
    kubernetes: pluginDevices({
      resources: ['amd.com/gpu'],
      name: 'AMD GPU',
      modelLabels: ['amd.com/gpu.product-name'],
      memoryLabel: 'amd.com/gpu.vram',
      taint: 'amd.com/gpu',
      isLinked: true,
    }),
  }
}

const nothing = { utilisation: null, memoryUsedBytes: null, temperatureC: null, powerW: null }
