import { z } from 'zod'
import type { Device, DeviceReading } from '../../core/device.ts'
import { figure } from '../tool.ts'

export type Measured = Omit<DeviceReading, 'id'>

const mib = 2 ** 20
const unitBytes: Readonly<Record<string, number>> = { MB: mib, MiB: mib, GB: 2 ** 30, GiB: 2 ** 30 }

const entry = z.object({
  gpu: z.int(),
  asic: z.object({ market_name: z.string(), asic_serial: z.string().optional() }),
  vram: z.object({ size: z.object({ value: z.number(), unit: z.string() }) }),
  bus: z.object({ bdf: z.string() }),
})
/** ROCm 6 prints a list, ROCm 7 an object around it. */
const staticOutput = z.union([z.array(entry), z.object({ gpu_data: z.array(entry) })])

/** What `amd-smi static --json --asic --vram --bus` prints. */
export function parseStatic(
  text: string,
  measured: ReadonlyMap<number, Measured>,
  groups: ReadonlyMap<number, string>,
): readonly Device[] {
  const parsed = staticOutput.safeParse(jsonOf(text))
  if (!parsed.success) return []
  const entries = Array.isArray(parsed.data) ? parsed.data : parsed.data.gpu_data
  return entries.map(({ gpu, asic, vram, bus }) => {
    const memoryBytes = vram.size.value * (unitBytes[vram.size.unit] ?? mib)
    const usedBytes = measured.get(gpu)?.memoryUsedBytes ?? 0
    return {
      id: `amd-${bus.bdf}`,
      vendor: 'amd',
      model: asic.market_name,
      index: gpu,
      memoryBytes,
      freeMemoryBytes: Math.max(0, memoryBytes - usedBytes),
      linkGroup: groups.get(gpu) ?? null,
      slice: null,
      fault: null,
    }
  })
}

/** What `amd-smi monitor --csv` prints, by GPU number. Columns and their order differ between versions: by name. */
export function parseMonitor(text: string): ReadonlyMap<number, Measured> {
  const [header = '', ...lines] = text.split('\n').filter((line) => line.includes(','))
  const names = header.split(',').map((name) => name.trim())
  return new Map(
    lines.flatMap((line): [number, Measured][] => {
      const cells = line.split(',')
      const read = (...wanted: readonly string[]): number | null =>
        figure(cells[names.findIndex((name) => wanted.includes(name))])
      const gpu = read('gpu')
      if (gpu === null) return []
      const busy = read('gfx', 'gfx_%')
      const usedMib = read('vram_used')
      const measured = {
        utilisation: busy === null ? null : busy / 100,
        memoryUsedBytes: usedMib === null ? null : usedMib * mib,
        temperatureC: read('hotspot_temperature', 'gpu_t'),
        powerW: read('power_usage', 'power'),
      }
      return [[gpu, measured]]
    }),
  )
}

const topologyEntry = z.object({
  gpu: z.int(),
  links: z.array(z.object({ gpu: z.int(), link_type: z.string() })),
})
const topologyOutput = z.union([
  z.array(topologyEntry),
  z.object({ gpu_data: z.array(topologyEntry) }),
])

/** What `amd-smi topology --json --link-type` prints: GPUs with XGMI between them form a group. */
export function parseTopology(text: string): ReadonlyMap<number, string> {
  const parsed = topologyOutput.safeParse(jsonOf(text))
  if (!parsed.success) return new Map()
  const entries = Array.isArray(parsed.data) ? parsed.data : parsed.data.gpu_data
  return new Map(
    entries.flatMap(({ gpu, links }): [number, string][] => {
      const linked = links.filter((link) => link.link_type === 'XGMI').map((link) => link.gpu)
      return linked.length === 0 ? [] : [[gpu, `xgmi-${Math.min(gpu, ...linked)}`]]
    }),
  )
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}
