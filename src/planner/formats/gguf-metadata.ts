import { AppError } from '../../core/errors.ts'
import type { ModelFacts } from '../model-facts.ts'

/** What the planner needs of a GGUF header; reading the file is the caller's part. */
export interface GgufMetadata {
  readonly name: string
  /** `general.architecture`: keys of the shape begin with it. */
  readonly architecture: string
  numberOf(key: string): number | null
  /** Length of `tokenizer.ggml.tokens`, where the shape does not name the vocabulary. */
  readonly vocabulary: number | null
  /** Whether there is a tensor `output.weight` beside the embeddings. */
  readonly hasOutputTensor: boolean
  /** Mean bits of a weight; left out: 16. */
  readonly weightBits?: number
}

/** Model facts from the metadata of a GGUF file. Throws `planner/bad-model` where the shape is missing. */
export function readGgufMetadata(metadata: GgufMetadata): ModelFacts {
  const number = (key: string) => metadata.numberOf(`${metadata.architecture}.${key}`)
  const layers = number('block_count')
  const hidden = number('embedding_length')
  const heads = number('attention.head_count')
  const vocab = number('vocab_size') ?? metadata.vocabulary
  if (!layers || !hidden || !heads || !vocab)
    throw new AppError('planner/bad-model', {
      message: `the header of ${metadata.name} names no layers, embedding length, heads or vocabulary`,
    })
  const experts = number('expert_count')
  const intermediate = number('feed_forward_length') ?? 4 * hidden
  const expertWidth = number('expert_feed_forward_length') ?? intermediate
  const window = number('attention.sliding_window')
  const kvRank = number('attention.kv_lora_rank')
  const rope = number('rope.dimension_count') ?? 64
  return {
    name: metadata.name,
    repo: null,
    kind: /bert/.test(metadata.architecture) ? 'encoder' : 'decoder',
    layers,
    hidden,
    heads,
    kvHeads: number('attention.head_count_kv') ?? heads,
    headDim: number('attention.key_length') ?? Math.round(hidden / heads),
    intermediate,
    mlpMatrices: /^(gpt2|gptneox|falcon|bloom|mpt|starcoder2?|bert)$/.test(metadata.architecture)
      ? 2
      : 3,
    vocab,
    tiedEmbeddings: !metadata.hasOutputTensor,
    contextMax: number('context_length') ?? 2048,
    moe: experts
      ? {
          experts,
          topK: number('expert_used_count') ?? 2,
          intermediate: expertWidth,
          sharedIntermediate: (number('expert_shared_count') ?? 0) * expertWidth,
          denseLayers: number('leading_dense_block_count') ?? 0,
          every: 1,
        }
      : null,
    mla: kvRank
      ? {
          qRank: number('attention.q_lora_rank') ?? 0,
          kvRank,
          nope: (number('attention.key_length_mla') ?? 192) - rope,
          rope,
          value: number('attention.value_length_mla') ?? 128,
        }
      : null,
    window: window ? { tokens: window, layers: Math.ceil(layers / 2) } : null,
    linear: null,
    sparse: null,
    extraParameters: 0,
    nativePrecision: precisionOf(metadata.weightBits ?? 16),
    source: `GGUF header of ${metadata.name}`,
  }
}

/** The planner's nearest kind of weights: engines on llama.cpp have dozens. */
const precisionOf = (bits: number): ModelFacts['nativePrecision'] =>
  bits > 12 ? 'bf16' : bits > 6 ? 'int8' : 'int4'
