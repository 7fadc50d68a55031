import type { Accelerator } from '../accelerator.ts'
import { type Kernel, type Precision, weightBytes } from '../kernel-precision.ts'
import {
  attentionParameters,
  cachedLayers,
  halves,
  linearParameters,
  type ModelFacts,
  moeLayers,
} from '../model-facts.ts'
import { allReduceUs, oneShotUs } from './collective.ts'
import { distinctExperts } from './routing.ts'
import {
  attentionOf,
  expertGBs,
  type ExpertKernels,
  kernelTimeUs,
  peakTflops,
  utilisationTable,
} from './utilisation.ts'

/** A model laid over devices. Tensor × data ranks hold one copy; experts spread over `ep` of them. */
export interface Layout {
  readonly model: ModelFacts
  readonly device: Accelerator
  readonly precision: Precision
  readonly tp: number
  readonly pp: number
  /** Data-parallel attention ranks inside the replica. */
  readonly dp: number
  readonly ep: number
  /** Default: the device's own. */
  readonly expertKernels?: ExpertKernels
}

/** What one engine step computes, over the whole replica. */
export interface StepLoad {
  readonly decodes: number
  /** Mean tokens in the cache of a decoding sequence. */
  readonly context: number
  readonly chunks: readonly PrefillChunk[]
  /** Tokens that each decoding sequence brings: more than one where drafts are verified. Default 1. */
  readonly queries?: number
  /** Data-parallel ranks that the chunks lie on. Default: all of them, evenly. */
  readonly promptRanks?: number
}

export interface PrefillChunk {
  readonly tokens: number
  /** Tokens of the same prompt that are in the cache already. */
  readonly past: number
  /** How many such chunks are in the step. */
  readonly count: number
}

/** Device time of a step by part, µs; before the engine's own coefficients. */
export interface StepParts {
  readonly dense: number
  readonly experts: number
  readonly head: number
  readonly decodeAttention: number
  readonly prefillAttention: number
  readonly collective: number
  readonly elementwise: number
}

/** Device time of one step, from the rooflines and the measured utilisation. */
export function stepParts(layout: Layout, load: StepLoad): StepParts {
  const { kind } = layout.model
  if (kind === 'encoder-decoder') return bothHalves(layout, load)
  // An encoder reads, and writes nothing.
  return stackParts(layout, kind === 'encoder' ? { ...load, decodes: 0 } : load)
}

/** The encoder reads prompts, the decoder writes: neither sees the other's tokens in a multiplication. */
function bothHalves(layout: Layout, load: StepLoad): StepParts {
  const { encoder, decoder } = halves(layout.model)
  const read = stackParts({ ...layout, model: encoder }, { ...load, decodes: 0 })
  const written = stackParts({ ...layout, model: decoder }, { ...load, chunks: [] })
  return Object.fromEntries(
    Object.entries(read).map(([part, us]) => [part, us + written[part as keyof StepParts]]),
  ) as unknown as StepParts
}

function stackParts(layout: Layout, load: StepLoad): StepParts {
  const { model, dp, pp } = layout
  const { queries = 1 } = load
  const prefillTokens = load.chunks.reduce((sum, chunk) => sum + chunk.tokens * chunk.count, 0)
  const prompts = load.chunks.reduce((sum, chunk) => sum + chunk.count, 0)
  // Pipeline stages work on micro-batches: a token passes all layers, at a share of the batch.
  const tokens = Math.max(1, (load.decodes * queries + prefillTokens) / pp)
  const promptRanks = Math.min(dp, load.promptRanks ?? dp)
  const rankTokens = Math.max(
    1,
    (load.decodes * queries) / dp / pp + prefillTokens / promptRanks / pp,
  )
  const rankDecodes = load.decodes / dp / pp
  return {
    dense: denseUs(layout, rankTokens),
    experts: expertsUs(layout, tokens),
    head: headUs(layout, Math.max(1, rankDecodes * queries + prompts / dp / pp)),
    decodeAttention: decodeAttentionUs(layout, rankDecodes, load.context, queries),
    prefillAttention: load.chunks.reduce(
      (sum, chunk) => sum + prefillAttentionUs(layout, chunk) * (dp / promptRanks),
      0,
    ),
    collective: collectivesUs(layout, tokens),
    elementwise:
      (model.layers * rankTokens * model.hidden * elementBytes) /
      (layout.device.bandwidthGBs * 800),
  }
}

/**
 * What a layer reads and writes between its matrices, for each unit of width: two norms and the residual, the inputs of four
 * matrices as they are quantised, what attention turns and keeps, the gate of the feed-forward. Every tensor rank does all of
 * it, which shows in prompts: those of Qwen3.5 in bf16 take four B300 but 1.2 times as long as eight. Of 20, 40 and 60 bytes 40
 * foresees unseen pairs best.
 */
const elementBytes = 40

function gemmUs(layout: Layout, kernel: Kernel, m: number, n: number, k: number): number {
  const { device } = layout
  const activation = kernel === 'bf16' ? 2 : Math.max(1, weightBytes[kernel])
  const bytes = n * k * weightBytes[kernel] + m * k * activation + m * n * 2
  const unpacking = isUnpacked(device, kernel) ? unpackedShare : 1
  const computeUs = (2 * m * n * k) / (peakTflops(device, kernel) * unpacking * 1e6)
  return kernelTimeUs(
    utilisationTable('gemm', device, kernel),
    computeUs,
    bytes / (device.bandwidthGBs * 1e3),
  )
}

/**
 * Weights that the units can't multiply are unpacked to bf16 on the way, tile by tile: that costs nothing while memory is
 * waited for, and about a third of the rate once compute is (kernels of the Marlin kind, arXiv 2408.11743).
 */
const unpackedShare = 0.7
const isUnpacked = ({ tflops }: Layout['device'], kernel: Kernel): boolean =>
  kernel === 'int4' || (kernel === 'fp8' && tflops.fp8 === null)

/** Attention projections and dense feed-forward of all layers. */
function denseUs(layout: Layout, tokens: number): number {
  const { model, precision, tp } = layout
  const { hidden, heads, kvHeads, headDim, mla, linear } = model
  const kernel = precision.dense
  const gemm = (n: number, k: number) => gemmUs(layout, kernel, tokens, n, k)
  const softmaxLayers = cachedLayers(model)
  let total = 0
  if (mla) {
    const down = hidden * (mla.qRank + mla.kvRank + mla.rope)
    const rest = attentionParameters(model) - down - heads * mla.value * hidden
    total +=
      softmaxLayers * (gemm(down / hidden, hidden) + gemm(rest / tp / mla.kvRank, mla.kvRank))
    total += softmaxLayers * gemm(hidden, (heads * mla.value) / tp)
  } else {
    const gate = linear ? heads : 0
    const kv = 2 * Math.max(1, kvHeads / tp)
    total += softmaxLayers * gemm(headDim * ((heads + gate) / tp + kv), hidden)
    total += softmaxLayers * gemm(hidden, (heads * headDim) / tp)
  }
  if (linear) {
    const out = linear.valueHeads * linear.valueDim
    total += linear.layers * gemm((linearParameters(model) / hidden - out) / tp, hidden)
    total += linear.layers * gemm(hidden, out / tp)
  }
  const sparse = moeLayers(model)
  const feedForward = (width: number) =>
    gemm(((model.mlpMatrices - 1) * width) / tp, hidden) + gemm(hidden, width / tp)
  if (model.layers > sparse) total += (model.layers - sparse) * feedForward(model.intermediate)
  if (sparse && model.moe?.sharedIntermediate)
    total += sparse * feedForward(model.moe.sharedIntermediate)
  return total
}

function expertsUs(layout: Layout, tokens: number): number {
  const { model, device, precision, tp, dp, ep } = layout
  const { moe } = model
  if (!moe) return 0
  const ranks = tp * dp
  const widthShare = Math.max(1, ranks / ep)
  const distinct = distinctExperts(moe.experts, moe.topK, tokens, moe.spread) / ep
  const width = moe.intermediate / widthShare
  const flop = (2 * model.mlpMatrices * model.hidden * width * moe.topK * tokens) / ep
  const weights =
    distinct * model.mlpMatrices * model.hidden * width * weightBytes[precision.experts]
  const activations = (4 * model.hidden * tokens * moe.topK) / ep
  const one = kernelTimeUs(
    utilisationTable('moe', device, precision.experts, layout.expertKernels),
    flop / (peakTflops(device, precision.experts) * 1e6),
    (weights + activations) / (expertGBs(device, layout.expertKernels) * 1e3),
  )
  return moeLayers(model) * one
}

/** Encoders have no words to choose from. */
const headUs = (layout: Layout, sampled: number): number =>
  layout.model.kind === 'encoder'
    ? 0
    : gemmUs(
        layout,
        layout.precision.head,
        sampled,
        layout.model.vocab / layout.tp,
        layout.model.hidden,
      )

/** Bytes that one layer keeps for one token on one rank. */
export function kvBytesPerTokenLayer(layout: Layout): number {
  const { model, precision, tp } = layout
  if (model.mla) return (model.mla.kvRank + model.mla.rope) * precision.kvBytes
  return 2 * Math.max(1, model.kvHeads / tp) * model.headDim * precision.kvBytes
}

function decodeAttentionUs(
  layout: Layout,
  sequences: number,
  context: number,
  queries: number,
): number {
  if (sequences <= 0) return 0
  const { model, device, tp } = layout
  const { decodeEfficiency, decodeFloorUs } = attentionOf(device.architecture)
  const bytesPerUs = device.bandwidthGBs * 1e3 * decodeEfficiency
  const flopPerUs = peakTflops(device, 'bf16') * 1e6 * 0.6
  const perToken = kvBytesPerTokenLayer(layout)
  const layer = (seen: number) => {
    const memory = (sequences * seen * perToken) / bytesPerUs
    const { mla } = model
    // Absorbed latent attention multiplies every head with the whole latent. One token of any other attention waits for
    // memory alone; several that are verified together read the cache once and multiply each.
    const widths = mla ? 2 * mla.kvRank + mla.rope : queries > 1 ? 2 * model.headDim : 0
    const compute = (2 * sequences * queries * seen * (model.heads / tp) * widths) / flopPerUs
    return decodeFloorUs + Math.max(memory, compute)
  }
  const chosen = model.sparse ? Math.min(context, model.sparse.topK) : context
  const local = model.window?.layers ?? 0
  const full = cachedLayers(model) - local
  const indexer = model.sparse
    ? model.layers *
      ((sequences * (context / (model.sparse.blockTokens ?? 1)) * model.sparse.indexDim) /
        bytesPerUs +
        decodeFloorUs)
    : 0
  return (
    full * layer(chosen) +
    (model.window ? local * layer(Math.min(context, model.window.tokens)) : 0) +
    indexer +
    linearStateUs(layout, sequences)
  )
}

/** A linear-attention layer reads and writes its state, fp32, for every sequence. */
function linearStateUs(layout: Layout, sequences: number): number {
  const { linear } = layout.model
  if (!linear) return 0
  const state = linear.valueHeads * linear.keyDim * linear.valueDim * 4
  const bytes = (2 * sequences * state) / layout.tp
  const { decodeFloorUs } = attentionOf(layout.device.architecture)
  return linear.layers * (decodeFloorUs + bytes / (layout.device.bandwidthGBs * 600))
}

function prefillAttentionUs(layout: Layout, chunk: PrefillChunk): number {
  const { model, device, tp, dp } = layout
  const { prefillEfficiency, prefillFloorUs } = attentionOf(device.architecture)
  const flopPerUs = peakTflops(device, 'bf16') * 1e6 * prefillEfficiency
  const headDim = model.mla
    ? (model.mla.nope + model.mla.rope + model.mla.value) / 2
    : model.headDim
  const perPair = 4 * (model.heads / tp) * headDim
  // Encoders look both ways, decoders back.
  const mean = chunk.past + (model.kind === 'encoder' ? chunk.tokens : chunk.tokens / 2)
  const layer = (seen: number) => (perPair * chunk.tokens * seen * chunk.count) / dp / flopPerUs
  const local = model.window?.layers ?? 0
  const seen = model.sparse ? Math.min(mean, model.sparse.topK) : mean
  const windowed = Math.min(mean, model.window?.tokens ?? mean)
  return (
    cachedLayers(model) * prefillFloorUs +
    (cachedLayers(model) - local) * layer(seen) +
    local * layer(windowed) +
    (model.linear?.layers ?? 0) * layer(Math.min(mean, 256))
  )
}

function collectivesUs(layout: Layout, tokens: number): number {
  const { model, device, tp, dp, pp } = layout
  const bytes = (share: number) => (tokens / share) * model.hidden * 2
  const attention = allReduceUs(device, tp, bytes(dp))
  const sparse = moeLayers(model)
  const feedForward =
    (model.layers - sparse) * attention + sparse * allReduceUs(device, tp * dp, bytes(1))
  const stages = (pp - 1) * (10 + bytes(dp) / (device.link.GBs * 1e3 || 1))
  return model.layers * attention + feedForward + stages
}

/** What a decoding step's exchanges between tensor ranks take longer in one shot than in two, µs. */
export function oneShotsUs({ model, device, tp, dp, pp }: Layout, decodes: number): number {
  const tokens = Math.max(1, decodes / dp / pp)
  const one = oneShotUs(device, tp, tokens, tokens * model.hidden * 2)
  // Where attention is data-parallel experts exchange in other ways.
  return one * (model.layers + (dp > 1 ? model.layers - moeLayers(model) : model.layers))
}
