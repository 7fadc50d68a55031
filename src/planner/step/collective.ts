import type { Accelerator } from '../accelerator.ts'
import { standIn } from './utilisation.ts'
import tables from './utilisation.json' with { type: 'json' }

interface CollectiveConstants {
  readonly floorUs: number
  /** Bus bandwidth reached, as a share of the link's data sheet. */
  readonly share: number
}

type Measured = Record<string, Record<string, CollectiveConstants> | undefined>

/** All-reduce of `bytes` over `ranks` devices, µs: a floor, then the bus. */
export function allReduceUs(device: Accelerator, ranks: number, bytes: number): number {
  if (ranks <= 1) return 0
  const { floorUs, share } = constantsOf(device, ranks)
  // A pair without a link goes through host memory.
  const GBs = device.link.GBs || device.hostGBs / 2
  return floorUs + (((2 * (ranks - 1)) / ranks) * bytes) / (GBs * share * 1e3)
}

function constantsOf(device: Accelerator, ranks: number): CollectiveConstants {
  const isSwitched = device.link.kind !== 'pcie' && device.link.kind !== 'none'
  const own = standIn(device.architecture)
  // Constants follow the link. On PCIe those measured on Ada are of a kernel that engines avoid there (the host is in
  // the way of every byte); what NCCL reaches looks like the newer cards.
  const family = isSwitched
    ? switched.has(own)
      ? own
      : 'hopper'
    : pcie.has(own)
      ? own
      : 'blackwell-rtx'
  const measured = (tables.collective as Measured)[family] ?? {}
  const size = ranks <= 2 ? '2' : ranks <= 4 ? '4' : '8'
  return measured[size] ?? { floorUs: 8, share: 0.6 }
}

const switched = new Set(['ampere', 'hopper', 'blackwell'])
const pcie = new Set(['battlemage', 'blackwell-rtx'])
