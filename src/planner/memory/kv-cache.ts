import { cachedLayers, keptLayers } from '../model-facts.ts'
import { kvBytesPerTokenLayer, type Layout } from '../step/step-time.ts'

/** Cache bytes that a sequence of `tokens` takes on one device: windowed layers stop growing. */
export function sequenceKvBytes(layout: Layout, tokens: number): number {
  const { model, pp } = layout
  const perTokenLayer = kvBytesPerTokenLayer(layout)
  const local = model.window?.layers ?? 0
  const full = keptLayers(model) - local
  const windowed = Math.min(tokens, model.window?.tokens ?? 0)
  const { sparse } = model
  const indexer = sparse
    ? (cachedLayers(model) * tokens * sparse.indexDim) / (sparse.blockTokens ?? 1)
    : 0
  return (perTokenLayer * (full * tokens + local * windowed) + indexer) / pp + stateBytes(layout)
}

/** Linear-attention layers keep a state of fixed size. */
function stateBytes(layout: Layout): number {
  const { linear } = layout.model
  if (!linear) return 0
  const { layers, valueHeads, keyDim, valueDim } = linear
  return (layers * valueHeads * keyDim * valueDim * 4) / layout.tp / layout.pp
}

/** Bytes of one block on one device: every layer keeps its part of the block, windowed or not. */
export const blockBytes = (layout: Layout, blockTokens: number): number =>
  (kvBytesPerTokenLayer(layout) * keptLayers(layout.model) * blockTokens) / layout.pp
