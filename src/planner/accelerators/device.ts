import type { Accelerator, Architecture, Link, Vendor } from '../accelerator.ts'

export interface DeviceEntry {
  readonly accelerator: Accelerator
  readonly aliases: readonly string[]
}

/**
 * One line of the catalogue: [memory GB, GB/s], [TFLOP/s bf16, fp8, int8, fp4], [link, GB/s one way],
 * [host link GB/s, TDP W, typical USD/h].
 */
export function device(
  name: string,
  vendor: Vendor,
  architecture: Architecture,
  memory: readonly [number, number],
  rates: readonly [number, number | null, number | null, number | null],
  link: readonly [Link['kind'], number],
  host: readonly [number, number | null, number | null],
  source: string,
  aliases: readonly string[] = [],
): DeviceEntry {
  const [bf16, fp8, int8, fp4] = rates
  const accelerator: Accelerator = {
    name,
    vendor,
    architecture,
    memoryBytes: memory[0] * bytesPerGB(vendor, memory[0]),
    bandwidthGBs: memory[1],
    tflops: { bf16, fp8, int8, fp4 },
    link: { kind: link[0], GBs: link[1] },
    hostGBs: host[0],
    tdpW: host[1],
    priceUsdH: host[2],
    source,
  }
  return { accelerator, aliases }
}

/** Vendors sell binary gigabytes and keep a little for themselves: 80 "GB" are 79.1 GiB to the driver. */
const bytesPerGB = (vendor: Vendor, memoryGB: number): number =>
  vendor === 'nvidia' && Number.isInteger(memoryGB) && memoryGB !== 141 ? 0.989 * 2 ** 30 : 1e9
