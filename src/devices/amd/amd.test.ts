import { describe, expect, it } from 'vitest'
import type { RunTool } from '../tool.ts'
import { createAmd } from './amd.ts'

const gib = 2 ** 30
const mib = 2 ** 20

const card = (gpu: number, bdf: string) => ({
  gpu,
  asic: {
    market_name: 'AMD Instinct MI300X OAM',
    vendor_id: '0x1002',
    device_id: '0x74a1',
    asic_serial: '0x8A1BCF7C4D0D9B10',
    num_compute_units: 304,
  },
  bus: { bdf, max_pcie_width: 16 },
  vram: { type: 'HBM3', vendor: 'N/A', size: { value: 196_592, unit: 'MB' }, bit_width: 8192 },
})
const cards = [card(0, '0000:05:00.0'), card(1, '0000:26:00.0')]
const links = cards.map(({ gpu, bus }) => ({
  gpu,
  bdf: bus.bdf,
  links: cards.map((other) => ({
    gpu: other.gpu,
    bdf: other.bus.bdf,
    link_type: other.gpu === gpu ? 'SELF' : 'XGMI',
  })),
}))
const monitor63 = [
  'gpu,power_usage,hotspot_temperature,memory_temperature,gfx,gfx_clock,vram_used,vram_total',
  '0,254,61,48,87,1900,120301,196300',
  '1,N/A,N/A,N/A,N/A,132,285,196300',
]
const monitor64 = [
  'gpu,power_usage,hotspot_temperature,memory_temperature,gfx_clk,gfx,vram_used,vram_free,vram_total,vram_percent',
  '0,254,61,48,1900,87,120301,75999,196300,61.3',
  '1,N/A,N/A,N/A,132,N/A,285,196015,196300,0.1',
]

const tool =
  (describe: unknown, monitor: readonly string[], topology: unknown): RunTool =>
  async ([command, what]) => {
    if (command !== 'amd-smi') return null
    if (what === 'static') return JSON.stringify(describe)
    return what === 'monitor' ? monitor.join('\n') : JSON.stringify(topology)
  }

describe.each([
  ['ROCm 6.3', tool(cards, monitor63, links)],
  ['ROCm 7', tool({ gpu_data: cards }, monitor64, { gpu_data: links })],
])('amd devices, %s', (_, run) => {
  it('reads cards and their links', async () => {
    expect(await createAmd(run).inventory()).toEqual([
      {
        id: 'amd-0000:05:00.0',
        vendor: 'amd',
        model: 'AMD Instinct MI300X OAM',
        index: 0,
        memoryBytes: 196_592 * mib,
        freeMemoryBytes: (196_592 - 120_301) * mib,
        linkGroup: 'xgmi-0',
        slice: null,
        fault: null,
      },
      expect.objectContaining({ id: 'amd-0000:26:00.0', index: 1, linkGroup: 'xgmi-0' }),
    ])
  })

  it('reads what they do', async () => {
    expect(await createAmd(run).readings()).toEqual([
      {
        id: 'amd-0000:05:00.0',
        utilisation: 0.87,
        memoryUsedBytes: 120_301 * mib,
        temperatureC: 61,
        powerW: 254,
      },
      {
        id: 'amd-0000:26:00.0',
        utilisation: null,
        memoryUsedBytes: 285 * mib,
        temperatureC: null,
        powerW: null,
      },
    ])
  })

  it('pins by index and opens the device files to a container', async () => {
    const vendor = createAmd(run)
    const [, second] = await vendor.inventory()
    expect(vendor.pin([second!])).toEqual({ ROCR_VISIBLE_DEVICES: '1' })
    expect(vendor.container([second!])).toMatchObject({
      request: null,
      files: ['/dev/kfd', '/dev/dri'],
      env: { ROCR_VISIBLE_DEVICES: '1' },
    })
  })
})

describe('amd devices', () => {
  it('has none where the tool is missing or prints what nobody knows', async () => {
    expect(await createAmd(async () => null).inventory()).toEqual([])
    expect(await createAmd(async () => 'ERROR: driver not loaded').inventory()).toEqual([])
    expect(await createAmd(async () => '{"gpu_data":[{"gpu":0}]}').readings()).toEqual([])
  })

  it('reads the labels of its device plugin', () => {
    const labels = {
      'amd.com/gpu.product-name': 'AMD_Instinct_MI300X_OAM',
      'amd.com/gpu.vram': '192G',
    }
    const read = createAmd().kubernetes.read({ labels, allocatable: { 'amd.com/gpu': '8' } })
    expect(read).toMatchObject([
      {
        resource: 'amd.com/gpu',
        count: 8,
        memoryBytes: 192 * gib,
        model: 'AMD_Instinct_MI300X_OAM',
      },
    ])
  })
})
