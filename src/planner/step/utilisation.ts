import type { Accelerator, Architecture } from '../accelerator.ts'
import type { Kernel } from '../kernel-precision.ts'
import tables from './utilisation.json' with { type: 'json' }

/**
 * Share of the roofline that kernels reach, by how long the roofline says they run (log2 of µs) and by how far they
 * are on the compute side of the ridge (log2 of compute time over memory time). Both axes carry over to a device
 * that was never measured. Fitted by bench/planner/fit-tables.ts.
 */
export interface UtilisationTable {
  readonly name: string
  /** Logarithms, base 2. */
  readonly logs: readonly (readonly number[])[]
}

const { ridgeMin, ridgeMax, sizeMax } = tables.axes

/** Architectures without measured kernels borrow from the nearest one that has them. */
const stands: Readonly<Record<Architecture, string>> = {
  volta: 'ampere',
  turing: 'ampere',
  ampere: 'ampere',
  ada: 'ada',
  hopper: 'hopper',
  blackwell: 'blackwell',
  'blackwell-rtx': 'blackwell-rtx',
  cdna: 'hopper',
  battlemage: 'battlemage',
  'ponte-vecchio': 'ampere',
  gaudi: 'hopper',
  tpu: 'ampere',
  neuron: 'ampere',
  ascend: 'ampere',
  rdu: 'ampere',
  metal: 'ampere',
  cpu: 'battlemage',
}

export const standIn = (architecture: Architecture): string => stands[architecture]

type Tables = Record<string, Record<string, number[][]> | undefined>

/**
 * Whose kernels multiply the experts: those made for the device; ported ones, Triton's or DeepGEMM's; or Marlin's, which unpack
 * four-bit weights on the way.
 */
export type ExpertKernels = 'own' | 'ported' | 'marlin'

/**
 * The table of a kind of kernel on a device; the nearest measured precision where there is none. What ported kernels reach
 * was measured on Hopper, where engines choose them unasked; on Blackwell they are the same ones.
 */
export function utilisationTable(
  kind: 'gemm' | 'moe',
  device: Accelerator,
  kernel: Kernel,
  written: ExpertKernels = 'own',
): UtilisationTable {
  if (device.architecture === 'cpu') return processor
  const own = standIn(device.architecture)
  const architecture = written === 'ported' && own === 'blackwell' ? 'hopper' : own
  const measured = (tables[kind] as Tables)[architecture] ?? {}
  for (const name of nearest[kernel]) {
    const values = measured[name]
    if (values) return tableOf(`${kind}/${architecture}/${name}`, values)
  }
  throw new RangeError(`no ${kind} table for ${architecture}`)
}

const known = new Map<readonly (readonly number[])[], UtilisationTable>()

function tableOf(name: string, values: readonly (readonly number[])[]): UtilisationTable {
  const found = known.get(values) ?? { name, logs: values.map((row) => row.map(Math.log2)) }
  known.set(values, found)
  return found
}

/**
 * Processors have no tiles to fill: a few rows are as well used as many. 75 to 80 % of the bandwidth and 40 to 60 % of the
 * peak are what their vendors' units reach in GEMM (measured on EPYC 9654 and Xeon 8480+).
 */
const processor: UtilisationTable = {
  name: 'processor',
  logs: Array.from({ length: ridgeMax - ridgeMin + 1 }, (_, row) =>
    Array.from({ length: sizeMax + 1 }, () => Math.log2(row + ridgeMin >= 0 ? 0.5 : 0.8)),
  ),
}

const nearest: Readonly<Record<Kernel, readonly string[]>> = {
  bf16: ['bf16'],
  fp8: ['fp8', 'bf16'],
  int8: ['fp8', 'bf16'],
  int4: ['mxfp4', 'bf16'],
  mxfp4: ['mxfp4', 'bf16'],
  nvfp4: ['nvfp4', 'mxfp4', 'fp8', 'bf16'],
}

/**
 * Time of a kernel, µs, from its two rooflines, µs. More of either never takes less time: tables are made so
 * (bench/planner/fit-tables.ts), straight lines between their logarithms keep it, and less than 1 µs of reading is what the
 * shortest measured kernels had.
 */
export function kernelTimeUs(table: UtilisationTable, computeUs: number, memoryUs: number): number {
  if (computeUs <= 0 && memoryUs <= 0) return 0
  const compute = Math.max(Math.log2(computeUs), ridgeMin - 1)
  const memory = Math.max(Math.log2(memoryUs), 0)
  const row = Math.floor(compute)
  const column = Math.floor(memory)
  const down = compute - row
  const right = memory - column
  const upper = logTime(table, row, column) * (1 - right) + logTime(table, row, column + 1) * right
  if (down === 0) return 2 ** upper
  const lower =
    logTime(table, row + 1, column) * (1 - right) + logTime(table, row + 1, column + 1) * right
  return 2 ** (upper * (1 - down) + lower * down)
}

/** At whole logarithms; the edge is held outside the measured range, where the roofline extrapolates. */
function logTime({ logs }: UtilisationTable, compute: number, memory: number): number {
  const ridge = Math.min(Math.max(compute - memory, ridgeMin), ridgeMax)
  const size = Math.max(compute, memory)
  return size - (logs[ridge - ridgeMin]?.[Math.min(size, sizeMax)] ?? 0)
}

/**
 * Rate at which the weights of experts are read, GB/s. What unpacks four-bit weights waits for the units that do so, not for
 * memory: on H200 those kernels take as long as on H100, with 1.43 times its bandwidth (moe_raw_models, w4a16_mxfp4: 1.03 times
 * as fast; vLLM 0.18 with Marlin on two devices: 4.8 and 5.0 ms a token with 4 users, 14.4 and 14.8 with 64).
 */
export const expertGBs = (device: Accelerator, written: ExpertKernels = 'own'): number =>
  written === 'marlin' && device.architecture === 'hopper'
    ? Math.min(device.bandwidthGBs, unpackingGBs)
    : device.bandwidthGBs

/** What H100 has. */
const unpackingGBs = 3350

/** Peak rate of the unit that a kernel uses, TFLOP/s; weight-only kernels multiply in bf16. */
export function peakTflops(device: Accelerator, kernel: Kernel): number {
  const { bf16, fp8, int8, fp4 } = device.tflops
  switch (kernel) {
    case 'fp8':
      return fp8 ?? bf16
    case 'int8':
      return int8 ?? bf16
    case 'nvfp4':
      return fp4 ?? bf16
    case 'bf16':
    case 'int4':
    case 'mxfp4':
      return bf16
  }
}

/** Attention and collectives of an architecture: a floor and an efficiency each. */
export const attentionOf = (architecture: Architecture): AttentionConstants =>
  (tables.attention as Record<string, AttentionConstants>)[standIn(architecture)] ??
  (tables.attention.ampere as AttentionConstants)

export interface AttentionConstants {
  readonly decodeEfficiency: number
  readonly decodeFloorUs: number
  readonly prefillEfficiency: number
  readonly prefillFloorUs: number
}
