/** What planner and simulator know of a model: its shape, never its weights. Counts are plain numbers. */
export interface ModelFacts {
  readonly name: string
  /** Hugging Face repository whose config.json is the source of the shape; null for a local file. */
  readonly repo: string | null
  readonly kind: 'decoder' | 'encoder' | 'encoder-decoder'
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  /** Width of a dense feed-forward layer. */
  readonly intermediate: number
  /** 3 for a gated feed-forward (SwiGLU), 2 for a plain one. */
  readonly mlpMatrices: 2 | 3
  readonly vocab: number
  readonly tiedEmbeddings: boolean
  readonly contextMax: number
  readonly moe: MoeFacts | null
  readonly mla: MlaFacts | null
  readonly window: WindowFacts | null
  readonly linear: LinearFacts | null
  readonly sparse: SparseFacts | null
  /** Parameters outside the language model: a vision tower, an encoder. */
  readonly extraParameters: number
  /** Precision of the published weights. */
  readonly nativePrecision: NativePrecision
  readonly source: string
  /** Name of the model of the same shape that runs were published of. Default: its own. */
  readonly measuredAs?: string
}

/** Under which name runs of models of this shape are known. */
export const measuredName = ({ name, measuredAs }: ModelFacts): string => measuredAs ?? name

export type NativePrecision = 'bf16' | 'fp8' | 'int8' | 'mxfp4' | 'int4'

/** Mixture of experts. */
export interface MoeFacts {
  readonly experts: number
  readonly topK: number
  readonly intermediate: number
  /** Width of the shared experts together; 0 for none. */
  readonly sharedIntermediate: number
  /** Leading layers with a dense feed-forward. */
  readonly denseLayers: number
  /** Every n-th layer has experts. */
  readonly every: number
  /** How unevenly tokens choose, where it was measured: the deviation of the logarithm of what experts are chosen by. */
  readonly spread?: number
}

/** Multi-head latent attention: the cache holds one latent of `kvRank` + `rope` numbers a token and layer. */
export interface MlaFacts {
  readonly qRank: number
  readonly kvRank: number
  readonly nope: number
  readonly rope: number
  readonly value: number
}

/** Layers that see only the last `tokens` tokens. */
export interface WindowFacts {
  readonly tokens: number
  readonly layers: number
}

/** Layers with linear attention (gated delta net): a state of fixed size in place of a cache. */
export interface LinearFacts {
  readonly layers: number
  readonly keyHeads: number
  readonly valueHeads: number
  readonly keyDim: number
  readonly valueDim: number
}

/** Sparse attention: a light indexer chooses the `topK` tokens that attention reads. */
export interface SparseFacts {
  readonly topK: number
  readonly indexHeads: number
  readonly indexDim: number
  /** Block-sparse: whole blocks are chosen, by one index entry each. Default 1. */
  readonly blockTokens?: number
}

/** Layers whose feed-forward is a mixture of experts. */
export const moeLayers = (model: ModelFacts): number =>
  model.moe ? Math.floor((model.layers - model.moe.denseLayers) / model.moe.every) : 0

/** Layers with a cache that grows with the context. */
export const cachedLayers = (model: ModelFacts): number =>
  model.layers - (model.linear?.layers ?? 0)

/**
 * The two stacks of an encoder-decoder, half of the layers each. A decoder layer attends to the prompt as well: its query
 * and output projections for that are counted as a wider feed-forward, its cache is as long as prompt and answer.
 */
export function halves(model: ModelFacts): {
  readonly encoder: ModelFacts
  readonly decoder: ModelFacts
} {
  const layers = Math.ceil(model.layers / 2)
  const cross = (2 * model.heads * model.headDim) / model.mlpMatrices
  return {
    encoder: { ...model, kind: 'encoder', layers },
    decoder: { ...model, kind: 'decoder', layers, intermediate: model.intermediate + cross },
  }
}

/** Layers that keep keys and values of what was read. */
export function keptLayers(model: ModelFacts): number {
  if (model.kind === 'encoder') return 0
  return model.kind === 'encoder-decoder' ? Math.ceil(model.layers / 2) : cachedLayers(model)
}

/** Attention weights of one layer with softmax attention. */
export function attentionParameters(model: ModelFacts): number {
  const { hidden, heads, kvHeads, headDim, mla, sparse } = model
  if (!mla) return hidden * headDim * (2 * heads + 2 * kvHeads) + (model.linear ? gate(model) : 0)
  const query = mla.qRank
    ? mla.qRank * (hidden + heads * (mla.nope + mla.rope))
    : hidden * heads * (mla.nope + mla.rope)
  const latent = hidden * (mla.kvRank + mla.rope)
  const up = mla.kvRank * heads * (mla.nope + mla.value)
  const index = sparse
    ? sparse.indexDim * (mla.qRank * sparse.indexHeads + hidden) + hidden * sparse.indexHeads
    : 0
  return query + latent + up + heads * mla.value * hidden + index
}

/** Hybrid models gate the attention output with a projection as wide as the query. */
const gate = (model: ModelFacts): number => model.hidden * model.heads * model.headDim

/** Weights of one linear-attention layer: q, k, v, output gate and output projections. */
export function linearParameters(model: ModelFacts): number {
  if (!model.linear) return 0
  const { keyHeads, valueHeads, keyDim, valueDim } = model.linear
  return model.hidden * (2 * keyHeads * keyDim + 3 * valueHeads * valueDim + 2 * valueHeads)
}

/** Weights of one expert. */
const expertParameters = (model: ModelFacts): number =>
  model.moe ? model.mlpMatrices * model.hidden * model.moe.intermediate : 0

export interface ParameterCount {
  readonly total: number
  /** Read for one token: all of it less the experts that were not chosen. */
  readonly active: number
  readonly embeddings: number
  readonly experts: number
}

/** Counts weights from the shape; within 1 % of what publishers report. */
export function countParameters(model: ModelFacts): ParameterCount {
  const { hidden, layers, moe } = model
  const embeddings = model.vocab * hidden * (model.tiedEmbeddings ? 1 : 2)
  const linearLayers = model.linear?.layers ?? 0
  const attention =
    (layers - linearLayers) * attentionParameters(model) + linearLayers * linearParameters(model)
  const crossAttention =
    model.kind === 'encoder-decoder' ? (layers / 2) * attentionParameters(model) : 0
  const sparseLayers = moeLayers(model)
  const dense = (layers - sparseLayers) * model.mlpMatrices * hidden * model.intermediate
  const shared = sparseLayers * model.mlpMatrices * hidden * (moe?.sharedIntermediate ?? 0)
  const router = sparseLayers * hidden * (moe?.experts ?? 0)
  const experts = sparseLayers * expertParameters(model) * (moe?.experts ?? 0)
  const rest = embeddings + attention + crossAttention + dense + shared + router
  const chosen = sparseLayers * expertParameters(model) * (moe?.topK ?? 0)
  return {
    total: rest + experts + model.extraParameters,
    active: rest + chosen,
    embeddings,
    experts,
  }
}
