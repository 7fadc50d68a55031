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

/** Tokens up to which engines exchange what each rank has, whole, with every other rank. */
const oneShotTokens = 128

/**
 * What an exchange in one shot takes longer than in two, µs: every rank sends all of its `bytes` to each other one, not a share
 * of them twice. TensorRT-LLM's fused kernels, which SGLang and vLLM can use as well, do so up to 128 tokens whatever they
 * weigh (allReduceFusionKernels.h, kOneShotMaxToken): one wait less, and on eight ranks four times the bytes.
 */
export function oneShotUs(
  device: Accelerator,
  ranks: number,
  tokens: number,
  bytes: number,
): number {
  if (ranks <= 2 || tokens > oneShotTokens || !isSwitched(device)) return 0
  return (
    ((ranks - 1) * (1 - 2 / ranks) * bytes) /
    (device.link.GBs * constantsOf(device, ranks).share * 1e3)
  )
}

const isSwitched = ({ link }: Accelerator): boolean => link.kind !== 'pcie' && link.kind !== 'none'

function constantsOf(device: Accelerator, ranks: number): CollectiveConstants {
  const own = standIn(device.architecture)
  // Constants follow the link. On PCIe those measured on Ada are of a kernel that engines avoid there (the host is in
  // the way of every byte); what NCCL reaches looks like the newer cards.
  const family = isSwitched(device)
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
