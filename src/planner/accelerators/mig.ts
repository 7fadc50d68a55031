import type { Accelerator } from '../accelerator.ts'

/**
 * A slice of a device, from its profile: `3g.40gb` has three of seven compute slices, and as many of eight memory slices
 * as its memory takes. Slices share nothing: what their neighbours do is not felt (NVIDIA Multi-Instance GPU user guide).
 * Null where the device has no such slice.
 */
export function migSlice(device: Accelerator, profile: string): Accelerator | null {
  const match = /^([1-7])g\.(\d+)gb$/i.exec(profile)
  if (!match || !canSlice.test(device.name)) return null
  const compute = Number(match[1]) / 7
  const label = Number(/(\d+)GB/.exec(device.name)?.[1])
  const eighths = Math.min(8, Math.max(1, Math.round((Number(match[2]) / label) * 8)))
  const memory = eighths / 8
  if (Number(match[2]) > label || compute > memory + 3 / 7) return null
  const { bf16, fp8, int8, fp4 } = device.tflops
  const share = (rate: number | null) => (rate === null ? null : rate * compute)
  return {
    ...device,
    name: `${device.name} MIG ${profile.toLowerCase()}`,
    memoryBytes: device.memoryBytes * memory,
    bandwidthGBs: device.bandwidthGBs * memory,
    tflops: { bf16: bf16 * compute, fp8: share(fp8), int8: share(int8), fp4: share(fp4) },
    // Slices do not talk to one another over NVLink.
    link: { kind: 'none', GBs: 0 },
    hostGBs: device.hostGBs * memory,
    tdpW: device.tdpW === null ? null : device.tdpW * memory,
    priceUsdH: device.priceUsdH === null ? null : device.priceUsdH * memory,
    source: `${device.source}; slice by its share of compute and memory`,
  }
}

const canSlice = /^(A100|A30|A800|H100|H200|H800|H20|GH200|B200|B300)/
