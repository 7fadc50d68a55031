import { weightBytes } from '../kernel-precision.ts'
import { kvBytesPerTokenLayer, type Layout } from '../step/step-time.ts'
import { distinctExperts } from '../step/routing.ts'
import { cachedLayers, countParameters } from '../model-facts.ts'
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
/** Memory of one socket as the processor's own kernels read it: eight channels of DDR5 reach about this. */
const socketGBs = 200
/** What a socket's vector units multiply in bf16, TFLOP/s: some 60 cores at what GEMM reaches of them. */
const socketTflops = 2
/** Servers have a socket for every four devices. */
const devicesPerSocket = 4
/** Host memory for the cache of one device: servers of eight have 1 to 2 TB. */
const hostBytes = 128e9
/** Of the data sheet's rate, what copies reach, and what large kernels do. */
const linkShare = 0.8
const deviceShare = 0.8

/**
 * The slowest part on the way sets the pace. `host`: weights cross the link at every step (vLLM's --cpu-offload-gb,
 * ZeRO-Inference), at the rate of the link. `nvme`: the same from a drive (llama.cpp's mapped files, ZeRO-Inference). `cpu`: the
 * processor multiplies what lies in its memory (llama.cpp's -ngl and --n-cpu-moe), at the rate of that memory or of its
 * units; many tokens at once are sent over the link instead where that is faster, as llama.cpp does. All devices of a replica
 * share the drive and the sockets; its stages wait for one another. A cache elsewhere is read whole by every step that decodes.
 */
export function offloadBurden({ what, where, share }: Offload): Burden {
  return {
    name: `${what} in ${where === 'nvme' ? 'files' : where === 'cpu' ? 'the processor’s memory' : 'host memory'}`,
    bytes: (layout) => (what === 'cache' ? 0 : -share * keptBytes(layout, what)),
    ...(what === 'cache' ? { cacheElsewhere: { share, bytes: hostBytes } } : {}),
    stepMs: (layout, step) => {
      const { pp, device } = layout
      if (what === 'cache')
        return (share * pp * cacheBytes(layout, step)) / (rateGBs(layout, where) * 1e6)
      const bytes = share * pp * readBytes(layout, what, step.tokens)
      // The device no longer reads them from its own memory.
      const ownMs = bytes / (device.bandwidthGBs * deviceShare * 1e6)
      const sentMs = bytes / (rateGBs(layout, where) * 1e6)
      if (where !== 'cpu') return Math.max(0, sentMs - ownMs)
      const overLinkMs = bytes / (rateGBs(layout, 'host') * 1e6)
      const multiplyMs =
        (2 * share * pp * step.tokens * multiplied(layout, what)) /
        (socketTflops * 1e9 * partOfSockets(layout))
      return Math.max(0, Math.min(Math.max(sentMs, multiplyMs), overLinkMs) - ownMs)
    },
    slowdown: () => 1,
    setting: { kind: 'offload', what, where, share },
    note: noteOf({ what, where, share }),
    ...(what === 'cache'
      ? {}
      : {
          noteOn: (layout: Layout) => {
            const { tp, pp, dp } = layout
            const bytes = share * keptBytes(layout, what) * tp * pp * dp
            return `${(bytes / 1e9).toFixed(1)} GB of ${where === 'nvme' ? 'files' : 'host memory'} for each replica`
          },
        }),
  }
}

function noteOf({ what, where, share }: Offload): string {
  const part = `${Math.round(share * 100)} % of the ${what}`
  if (where === 'cpu')
    return `${part} computed by the processor, ${socketGBs} GB/s and ${socketTflops} TFLOP/s a socket, a socket for ${devicesPerSocket} devices`
  const place = where === 'nvme' ? `files, ${nvmeGBs} GB/s` : 'host memory'
  const how = what === 'cache' ? 'by those that decode' : ''
  return `${part} in ${place}, read over the link at every step${how && ` ${how}`}`
}

/** What one device of those that work at the same time gets of all sockets. */
const partOfSockets = ({ tp, pp, dp }: Layout): number =>
  Math.ceil((tp * pp * dp) / devicesPerSocket) / (tp * dp)

/** Bytes reach one device at this rate while all that work beside it fetch as well. */
function rateGBs(layout: Layout, where: Offload['where']): number {
  const { device, tp, dp } = layout
  const memory = socketGBs * partOfSockets(layout)
  if (where === 'cpu') return memory
  const link = Math.min(device.hostGBs * linkShare, memory)
  return where === 'nvme' ? Math.min(link, nvmeGBs / (tp * dp)) : link
}

/** Numbers on one device that may go: all but embeddings, head and vision tower. */
function kept({ model, tp, pp, dp }: Layout): { readonly experts: number; readonly dense: number } {
  const { total, experts, embeddings } = countParameters(model)
  return {
    experts: experts / (tp * pp * dp),
    dense: (total - experts - embeddings - model.extraParameters) / (tp * pp),
  }
}

/** Their bytes. */
function keptBytes(layout: Layout, what: 'weights' | 'experts'): number {
  const { experts, dense } = kept(layout)
  const { precision } = layout
  const expertBytes = experts * weightBytes[precision.experts]
  return what === 'experts' ? expertBytes : expertBytes + dense * weightBytes[precision.dense]
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

/** Of those, what one token is multiplied with. */
function multiplied(layout: Layout, what: 'weights' | 'experts'): number {
  const { experts, dense } = kept(layout)
  const { moe } = layout.model
  const chosen = moe ? (experts * moe.topK) / moe.experts : 0
  return what === 'experts' ? chosen : chosen + dense / layout.dp
}

const cacheBytes = (layout: Layout, { sequences, context }: StepShape): number =>
  ((sequences / layout.dp) * context * kvBytesPerTokenLayer(layout) * cachedLayers(layout.model)) /
  layout.pp
