import { coefficientsOf } from '../load/coefficients.ts'
import { promptFeatures } from '../load/features.ts'
import { tokenFeatures, underEngine } from '../load/drafted-step.ts'
import { peakTflops } from '../step/utilisation.ts'
import { weightBytes } from '../kernel-precision.ts'
import type { Candidate } from '../search/candidate.ts'

export const resources = [
  'compute',
  'bandwidth',
  'kv-memory',
  'network',
  'host-link',
  'launch-overhead',
  'requests',
] as const
export type Resource = (typeof resources)[number]

/** What would have to grow for the figures to get better, and the share of a step that says so. */
export interface Binding {
  readonly resource: Resource
  readonly share: number
  readonly shares: Readonly<Record<Exclude<Resource, 'requests' | 'kv-memory'>, number>>
  readonly because: string
}

export function bindingOf(candidate: Candidate): Binding {
  const { operating, budget, copy, settings } = candidate
  const shares = stepShares(candidate)
  const ordered = Object.entries(shares).sort((a, b) => b[1] - a[1])
  const [name, share] = ordered[0] ?? ['bandwidth', 0]
  const isFull = operating.running > 0.7 * operating.places
  const perRank = operating.places / copy.layout.dp
  if (isFull && perRank < settings.maxSequences * 1.02 && isKvShort(candidate))
    return {
      resource: 'kv-memory',
      share: operating.running / operating.places,
      shares,
      because: `${Math.round(operating.running)} of the ${Math.floor(operating.places)} sequences that ${gigabytes(budget.kvBytes)} of cache hold are running`,
    }
  return {
    resource: name as Resource,
    share,
    shares,
    because: `${Math.round(share * 100)} % of a step with ${count(operating.running)} is ${what[name as keyof typeof what]}`,
  }
}

function count(running: number): string {
  const sequences = Math.max(1, Math.round(running))
  return `${sequences} sequence${sequences === 1 ? '' : 's'}`
}

const what = {
  compute: 'multiplying, most of it for prompts',
  bandwidth: 'reading weights and cache from memory',
  network: 'exchanging activations between devices',
  'host-link': 'fetching what lies in host memory or files, or waiting for the processor',
  'launch-overhead': 'the host: scheduling and starting kernels',
} as const

/** The cache, not a limit on latency, is why no more sequences run. */
function isKvShort({ curve, operating, budget, copy, settings }: Candidate): boolean {
  const perToken = budget.kvBlocks > 0 ? budget.kvBytes / budget.kvBlocks : 0
  const tokens = curve.device.shape.isl + curve.device.shape.osl
  const block = curve.engine.memory.blockTokens
  const holds = perToken > 0 ? (budget.kvBytes / perToken) * block * copy.layout.dp : 0
  return holds < tokens * operating.places * 1.4 && settings.maxSequences > 0
}

function stepShares({ curve, operating }: Candidate): Binding['shares'] {
  const { layout, shape, alone, speculation } = curve.device
  const { step } = coefficientsOf({ engine: curve.engine, layout, version: '' })
  const running = Math.max(1, operating.running)
  const started = operating.running / shape.osl
  const features = {
    ...underEngine(
      tokenFeatures(layout, running, shape.isl + shape.osl / 2, speculation),
      curve.engine,
      speculation,
    ),
    ...promptFeatures(layout, started, alone.total),
  }
  const of = (...parts: readonly (keyof typeof features)[]) =>
    parts.reduce((sum, part) => sum + features[part] * step[part], 0)
  const multiply = of('dense', 'experts', 'expertSpread')
  const isComputeBound = arithmetic(curve, running) > 1
  const compute = of('prefill') + (isComputeBound ? multiply : 0)
  const bandwidth = of('attention') + (isComputeBound ? 0 : multiply)
  const network = of('collective', 'oneShot')
  const launch = of(
    'layerUs',
    'expertLayerUs',
    'latentLayerUs',
    'linearLayerUs',
    'sparseLayerUs',
    'stepUs',
    'sequenceUs',
    'prefillStepUs',
    'launch',
  )
  const elsewhere = curve.burdens.filter(({ setting }) => setting?.kind === 'offload')
  const stepShape = { tokens: running, sequences: running, context: shape.isl + shape.osl / 2 }
  const hostLink = elsewhere.reduce((sum, burden) => sum + burden.stepMs(layout, stepShape), 0)
  const total = compute + bandwidth + network + hostLink + launch || 1
  return {
    compute: compute / total,
    bandwidth: bandwidth / total,
    network: network / total,
    'host-link': hostLink / total,
    'launch-overhead': launch / total,
  }
}

/** Compute time over memory time of a dense layer at this many sequences. */
function arithmetic({ device: { layout } }: Candidate['curve'], running: number): number {
  const { device, precision, dp, pp } = layout
  const compute = (2 * running) / dp / pp / (peakTflops(device, precision.dense) * 1e12)
  return compute / (weightBytes[precision.dense] / (device.bandwidthGBs * 1e9))
}

export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
