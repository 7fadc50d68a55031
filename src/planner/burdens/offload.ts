import { weightBytes } from '../kernel-precision.ts'
import { kvBytesPerTokenLayer, type Layout } from '../step/step-time.ts'
import { distinctExperts } from '../step/routing.ts'
import { cachedLayers, moeLayers } from '../model-facts.ts'
import type { Burden, StepShape } from './burden.ts'

/** What is kept out of the device's memory, and where. */
export interface Offload {
  readonly what: 'weights' | 'experts' | 'cache'
  readonly where: 'host' | 'nvme' | 'cpu'
  /** Of the weights on each device, or of the cache of each sequence. */
  readonly share: number
}

/** A PCIe 4.0 drive, read in sequence (ZeRO-Inference measures 6 GB/s a drive, arXiv 2207.00032). */
const nvmeGBs = 6
/** Host memory as the processor's own kernels read it: eight channels of DDR5 reach about this. */
const cpuGBs = 200
/** Of the data sheet's rate, what copies reach, and what large kernels do. */
const linkShare = 0.8
const deviceShare = 0.8

/**
 * The slowest part on the way sets the pace. `host`: weights cross the link at every step (vLLM's --cpu-offload-gb,
 * ZeRO-Inference), at the rate of the link. `nvme`: the same from a drive. `cpu`: the processor multiplies what lies in
 * its memory (llama.cpp's -ngl and --n-cpu-moe), at the rate of that memory; only activations cross. A cache in host
 * memory is read whole by every step that decodes.
 */
export function offloadBurden({ what, where, share }: Offload): Burden {
  const rate = ({ device }: Layout): number =>
    where === 'cpu'
      ? cpuGBs
      : Math.min(device.hostGBs * linkShare, where === 'nvme' ? nvmeGBs : Number.POSITIVE_INFINITY)
  return {
    name: `${what} in ${where}`,
    bytes: (layout) => (what === 'cache' ? 0 : -share * keptBytes(layout, what)),
    stepMs: (layout, step) => {
      const bytes =
        what === 'cache' ? cacheBytes(layout, step) : readBytes(layout, what, step.tokens)
      // The device no longer reads them from its own memory.
      const own = what === 'cache' ? 0 : 1 / (layout.device.bandwidthGBs * deviceShare)
      return ((share * bytes) / 1e6) * Math.max(0, 1 / rate(layout) - own)
    },
    slowdown: () => 1,
    setting: { kind: 'offload', what, where, share },
    note: `${Math.round(share * 100)} % of the ${what} ${where === 'cpu' ? 'computed by the processor' : `in ${where === 'nvme' ? 'files' : 'host memory'}, read over the link at every step`}`,
  }
}

/** Bytes on one device that may go. */
function keptBytes(layout: Layout, what: 'weights' | 'experts'): number {
  const { model, precision, tp, pp, dp } = layout
  const experts =
    (moeLayers(model) *
      (model.moe?.experts ?? 0) *
      model.mlpMatrices *
      model.hidden *
      (model.moe?.intermediate ?? 0) *
      weightBytes[precision.experts]) /
    (tp * pp * dp)
  if (what === 'experts') return experts
  const sparse = moeLayers(model)
  const attention = model.hidden * model.headDim * 2 * (model.heads + model.kvHeads)
  const dense =
    (model.layers * attention +
      (model.layers - sparse) * model.mlpMatrices * model.hidden * model.intermediate) *
    weightBytes[precision.dense]
  return experts + dense / (tp * pp)
}

/** Of those, what a step reads: experts that nobody chose stay where they are. */
function readBytes(layout: Layout, what: 'weights' | 'experts', tokens: number): number {
  const all = keptBytes(layout, what)
  const { moe } = layout.model
  if (!moe) return all
  const experts = keptBytes(layout, 'experts')
  const chosen = distinctExperts(moe.experts, moe.topK, tokens) / moe.experts
  return all - experts + experts * Math.min(1, chosen)
}

const cacheBytes = (layout: Layout, { sequences, context }: StepShape): number =>
  ((sequences / layout.dp) * context * kvBytesPerTokenLayer(layout) * cachedLayers(layout.model)) /
  layout.pp
