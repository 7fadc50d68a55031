/**
 * Fits the utilisation tables of src/planner/step/utilisation.json from the published kernel times in
 * ../shared/data/ops (AIConfigurator, Apache-2.0): `node bench/planner/fit-tables.ts`.
 */
import { writeFileSync } from 'node:fs'
import { resolveAccelerator } from '../../src/planner/accelerators/resolve-accelerator.ts'
import type { Kernel } from '../../src/planner/kernel-precision.ts'
import { weightBytes } from '../../src/planner/kernel-precision.ts'
import { distinctExperts } from '../../src/planner/step/routing.ts'
import { type CsvRow, readCsv } from './csv.ts'
import { dataFile } from './data.ts'
import { rising, type Weighed } from './rising.ts'
import { groupBy, median } from './statistics.ts'

const axes = { ridgeMin: -5, ridgeMax: 3, sizeMax: 11 }
const rows = axes.ridgeMax - axes.ridgeMin + 1
const columns = axes.sizeMax + 1
/** What a cell that nobody measured weighs against a measurement. */
const unmeasured = 0.1

interface Sample {
  readonly group: string
  readonly ridge: number
  readonly size: number
  readonly utilisation: number
}

const kernelNames: Readonly<Record<string, Kernel>> = {
  bfloat16: 'bf16',
  fp8: 'fp8',
  nvfp4: 'nvfp4',
  w4a16_mxfp4: 'mxfp4',
}

/** Where experts with a scale for every block were measured. */
const blockScaled: ReadonlySet<string> = new Set(['hopper', 'blackwell'])

const gemm = tablesOf(readCsv(dataFile('ops', 'gemm_raw_llm_shapes.csv')).flatMap(gemmSample))
const moe = tablesOf(readCsv(dataFile('ops', 'moe_raw_models.csv')).flatMap(moeSample))
const attention = attentionConstants()
const collective = collectiveConstants()
const provenance =
  'Fitted by bench/planner/fit-tables.ts from AIConfigurator kernel measurements (Apache-2.0): gemm_raw_llm_shapes, moe_raw_models (power law 1.2), attention_roofline_fit, allreduce_alpha_beta_fit (CUDA graph).'
const text = JSON.stringify({ provenance, axes, gemm, moe, attention, collective }, null, 1)
const compact = text.replace(
  /\[\s+([-\d.,\s]+?)\s+\]/g,
  (_, list: string) => `[${list.replace(/\s+/g, '')}]`,
)
writeFileSync(new URL('../../src/planner/step/utilisation.json', import.meta.url), `${compact}\n`)

function gemmSample(row: CsvRow): Sample[] {
  const kernel = kernelNames[row.gemm_dtype ?? '']
  const device = resolveAccelerator(row.system ?? '')
  if (!kernel || !device) return []
  const [m, n, k] = [Number(row.m), Number(row.n), Number(row.k)]
  const activation = kernel === 'bf16' ? 2 : weightBytes[kernel]
  const bytes = n * k * weightBytes[kernel] + m * k * activation + m * n * 2
  return sample(device, kernel, 2 * m * n * k, bytes, Number(row.latency) * 1e3)
}

function moeSample(row: CsvRow): Sample[] {
  const kernel = kernelNames[(row.moe_dtype ?? '').replace('fp8_block', 'fp8')]
  const device = resolveAccelerator(row.system ?? '')
  // Mixture models are published with a scale for every block of weights. With one scale a tensor Hopper runs a slow kernel that
  // no engine chooses for them, and Blackwell one that reads 8,192 tokens in less than half of the time.
  const isUnlike = row.moe_dtype === 'fp8' && blockScaled.has(device?.architecture ?? '')
  if (
    !kernel ||
    !device ||
    isUnlike ||
    row.distribution !== 'power_law_1.2' ||
    row.moe_ep_size !== '1'
  )
    return []
  const tokens = Number(row.num_tokens)
  const hidden = Number(row.hidden_size)
  const width = Number(row.inter_size) / Number(row.moe_tp_size)
  const ranks = Number(row.moe_ep_size)
  const topK = Number(row.topk)
  const distinct = distinctExperts(Number(row.num_experts), topK, tokens) / ranks
  const flop = (6 * hidden * width * topK * tokens) / ranks
  const bytes =
    distinct * 3 * hidden * width * weightBytes[kernel] + (4 * hidden * tokens * topK) / ranks
  return sample(device, kernel, flop, bytes, Number(row.latency) * 1e3)
}

function sample(
  device: NonNullable<ReturnType<typeof resolveAccelerator>>,
  kernel: Kernel,
  flop: number,
  bytes: number,
  us: number,
): Sample[] {
  const { bf16, fp8, fp4 } = device.tflops
  const peak = (kernel === 'fp8' ? fp8 : kernel === 'nvfp4' ? fp4 : bf16) ?? bf16
  const computeUs = flop / (peak * 1e6)
  const memoryUs = bytes / (device.bandwidthGBs * 1e3)
  const sol = Math.max(computeUs, memoryUs)
  if (!(us > 0)) return []
  return [
    {
      group: `${device.architecture}/${kernel}`,
      ridge: Math.log2(computeUs / memoryUs),
      size: Math.log2(sol),
      // A small L2-resident matrix beats the memory roofline in a loop; in a model it never stays there.
      utilisation: Math.min(sol / us, 1.3),
    },
  ]
}

function tablesOf(samples: Sample[]): Record<string, Record<string, number[][]>> {
  const tables: Record<string, Record<string, number[][]>> = {}
  for (const [group, members] of groupBy(samples, (one) => one.group)) {
    const [architecture = '', kernel = ''] = group.split('/')
    ;(tables[architecture] ??= {})[kernel] = tableOf(members)
  }
  return tables
}

function tableOf(samples: Sample[]): number[][] {
  const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high)
  const cells = groupBy(samples, (one) => {
    const row = clamp(Math.round(one.ridge), axes.ridgeMin, axes.ridgeMax) - axes.ridgeMin
    return `${row},${clamp(Math.round(one.size), 0, axes.sizeMax)}`
  })
  const known = new Map<string, number>()
  for (const [cell, members] of cells)
    if (members.length >= 3) known.set(cell, median(members.map((one) => one.utilisation)))
  return monotone((row, column) => {
    const cell = `${row},${column}`
    const own = known.get(cell)
    return own === undefined
      ? { utilisation: nearestKnown(known, row, column), weight: unmeasured }
      : { utilisation: own, weight: cells.get(cell)!.length }
  })
}

/**
 * The nearest table in which more work takes no less time: not with more to multiply, nor with more to read. Cells lie by the
 * time that either takes (log2 of µs); where few were measured their neighbours decide.
 */
function monotone(
  at: (row: number, column: number) => { readonly utilisation: number; readonly weight: number },
): number[][] {
  const computeMin = axes.ridgeMin
  const memoryMin = -axes.ridgeMax
  const place = (row: number, column: number) => {
    const ridge = row + axes.ridgeMin
    // The longer of the two is the size.
    return [
      column + Math.min(0, ridge) - computeMin,
      column - Math.max(0, ridge) - memoryMin,
    ] as const
  }
  const grid: (Weighed | null)[][] = Array.from({ length: columns - computeMin }, () =>
    Array.from({ length: columns - memoryMin }, () => null),
  )
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const { utilisation, weight } = at(row, column)
      const [y, x] = place(row, column)
      grid[y]![x] = { value: column - Math.log2(utilisation), weight }
    }
  const found = rising(grid)
  // The last column is held for larger kernels: there, too, twice the work takes no less time.
  const edge = (ridge: number) => place(ridge - axes.ridgeMin, columns - 1)
  for (const side of [-1, 1])
    for (let at = 1; at <= (side < 0 ? -axes.ridgeMin : axes.ridgeMax); at++) {
      const [y, x] = edge(side * at)
      const [nearerY, nearerX] = edge(side * (at - 1))
      found[y]![x] = Math.max(found[y]![x]!, found[nearerY]![nearerX]! - 1)
    }
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, column) => {
      const [y, x] = place(row, column)
      return Number((2 ** (column - found[y]![x]!)).toFixed(3))
    }),
  )
}

/** Cells nobody measured take the value of the nearest that somebody did, along the size first. */
function nearestKnown(known: ReadonlyMap<string, number>, row: number, column: number): number {
  let best = { distance: Number.POSITIVE_INFINITY, value: 0.5 }
  for (const [cell, value] of known) {
    const [y = 0, x = 0] = cell.split(',').map(Number)
    const distance = 3 * Math.abs(y - row) + Math.abs(x - column)
    if (distance < best.distance) best = { distance, value }
  }
  return best.value
}

function attentionConstants() {
  const found: Record<string, Record<string, number>> = {}
  const fits = readCsv(dataFile('ops', 'attention_roofline_fit.csv'))
  for (const row of fits.filter((one) => one.kv_dtype === 'bfloat16')) {
    const architecture = resolveAccelerator(row.system ?? '')?.architecture
    if (!architecture) continue
    const entry = (found[architecture] ??= {})
    const kind = row.op === 'decode_attention' ? 'decode' : 'prefill'
    const merge = (name: string, value: number) =>
      (entry[name] = Number(
        (entry[name] === undefined ? value : (entry[name] + value) / 2).toFixed(3),
      ))
    merge(`${kind}Efficiency`, Number(row.eff))
    merge(`${kind}FloorUs`, Number(row.t0_ms) * 1e3)
  }
  return found
}

/** All-reduce: floor in µs, and bus bandwidth as a share of the link's data sheet, by ranks. */
function collectiveConstants() {
  const found: Record<string, Record<string, { floorUs: number; share: number }>> = {}
  for (const row of readCsv(dataFile('ops', 'allreduce_alpha_beta_fit.csv'))) {
    const device = resolveAccelerator(row.system ?? '')
    const isGraph = row.backend === 'vllm_graph' || row.system === 'b60'
    if (!device || !isGraph || row.system === 'gb200' || row.system === 'b300_sxm') continue
    if (row.system === 'h200_sxm') continue
    ;(found[device.architecture] ??= {})[row.num_gpus ?? ''] = {
      floorUs: Number(Number(row.alpha_us).toFixed(1)),
      share: Number((Number(row.bus_bw_GBps) / device.link.GBs).toFixed(3)),
    }
  }
  return found
}
