import { AppError } from '../../core/errors.ts'
import type {
  LinearFacts,
  MlaFacts,
  ModelFacts,
  MoeFacts,
  NativePrecision,
  SparseFacts,
  WindowFacts,
} from '../model-facts.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * Model facts from a Hugging Face `config.json` (parsed JSON): dense, grouped-query, latent, sliding-window, linear and
 * sparse attention, mixtures of experts, encoders. Throws `planner/bad-model` where the shape is missing.
 */
export function readHfConfig(name: string, config: unknown): ModelFacts {
  const outer = asObject(config)
  if (!outer) throw bad(name, 'is no JSON object')
  // Multimodal configs keep the language model in an object of its own.
  const text = asObject(outer.text_config) ?? asObject(outer.language_config) ?? outer
  const number = (...keys: readonly string[]) => firstNumber(text, keys)
  const layers = number('num_hidden_layers', 'n_layer', 'n_layers', 'num_layers')
  const hidden = number('hidden_size', 'n_embd', 'd_model')
  const heads = number('num_attention_heads', 'n_head', 'n_heads', 'num_heads')
  const vocab = number('vocab_size', 'padded_vocab_size') ?? firstNumber(outer, ['vocab_size'])
  if (layers === null || hidden === null || heads === null || vocab === null)
    throw bad(name, 'names no layers, hidden size, heads or vocabulary')
  const type = (asText(text.model_type) ?? asText(outer.model_type) ?? '').toLowerCase()
  const isEncoderDecoder = outer.is_encoder_decoder === true
  const shape = { layers, hidden, heads, type }
  return {
    name,
    repo: null,
    kind: isEncoderDecoder ? 'encoder-decoder' : isEncoder(type, outer) ? 'encoder' : 'decoder',
    layers: isEncoderDecoder ? layers + (number('num_decoder_layers') ?? layers) : layers,
    hidden,
    heads,
    kvHeads: kvHeads(text, shape),
    headDim: number('head_dim', 'd_kv', 'kv_channels') ?? Math.round(hidden / heads),
    intermediate:
      number(
        'intermediate_size',
        'ffn_hidden_size',
        'n_inner',
        'd_ff',
        'ffn_dim',
        'moe_intermediate_size',
      ) ?? 4 * hidden,
    mlpMatrices: isGated(text, shape) ? 3 : 2,
    vocab,
    tiedEmbeddings: tied(outer, text, shape),
    contextMax:
      number('max_position_embeddings', 'n_positions', 'seq_length', 'max_seq_len') ?? 2048,
    moe: readMoe(text, layers),
    mla: readMla(text),
    window: readWindow(text, layers),
    linear: readLinear(text, layers),
    sparse: readSparse(text) ?? readBlockSparse(text, shape),
    extraParameters: visionParameters(asObject(outer.vision_config)),
    nativePrecision: nativePrecision(outer, text),
    source: `config.json of ${name}`,
  }
}

interface Outline {
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly type: string
}

const bad = (name: string, what: string): AppError =>
  new AppError('planner/bad-model', { message: `config.json of ${name} ${what}` })

const asObject = (value: unknown): Json | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null

const asText = (value: unknown): string | null => (typeof value === 'string' ? value : null)

function firstNumber(from: Json, keys: readonly string[]): number | null {
  for (const key of keys) {
    const value = from[key]
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
  }
  return null
}

const isEncoder = (type: string, config: Json): boolean =>
  /^(bert|roberta|xlm-roberta|distilbert|mpnet|deberta|electra|nomic_bert|modernbert)/.test(type) ||
  (Array.isArray(config.architectures) && /ForMaskedLM|BertModel/.test(config.architectures.join()))

function kvHeads(text: Json, { heads, type }: Outline): number {
  const told = firstNumber(text, [
    'num_key_value_heads',
    'num_kv_heads',
    'multi_query_group_num',
    'n_head_kv',
  ])
  if (told !== null) return told
  if (text.multi_query === true && type !== 'chatglm') return 1
  return heads
}

/** Older families and encoders have a plain feed-forward. */
const isGated = (text: Json, { type }: Outline): boolean =>
  !/^(gpt2|gptj|gpt_neox|gpt_bigcode|opt|bloom|falcon|mpt|phi$|starcoder2|bert|roberta|xlm-roberta|mpnet|distilbert|electra|nemotron)/.test(
    type,
  ) || /glu|gated/.test(asText(text.feed_forward_proj) ?? '')

function tied(outer: Json, text: Json, { type }: Outline): boolean {
  const told = text.tie_word_embeddings ?? outer.tie_word_embeddings
  return typeof told === 'boolean'
    ? told
    : /^(gemma|gpt2|bloom|opt|falcon|mpt|cohere|bert|roberta|xlm|mpnet|t5)/.test(type)
}

function readMoe(text: Json, layers: number): MoeFacts | null {
  const experts = firstNumber(text, [
    'num_local_experts',
    'num_experts',
    'n_routed_experts',
    'moe_num_experts',
  ])
  if (experts === null || experts < 2) return null
  const intermediate = firstNumber(text, [
    'moe_intermediate_size',
    'expert_ffn_hidden_size',
    'intermediate_size',
    'ffn_hidden_size',
  ])
  const shared = firstNumber(text, ['shared_expert_intermediate_size'])
  const sharedCount = firstNumber(text, ['n_shared_experts', 'num_shared_experts']) ?? 0
  const every =
    firstNumber(text, ['decoder_sparse_step', 'interleave_moe_layer_step', 'moe_layer_freq']) ?? 1
  return {
    experts,
    topK:
      firstNumber(text, [
        'num_experts_per_tok',
        'num_experts_per_token',
        'moe_topk',
        'moe_k',
        'top_k_experts',
      ]) ?? 2,
    intermediate: intermediate ?? 0,
    sharedIntermediate: shared ?? sharedCount * (intermediate ?? 0),
    denseLayers: Math.min(
      layers,
      firstNumber(text, ['first_k_dense_replace', 'moe_layer_start_index']) ?? 0,
    ),
    every: Math.max(1, Math.round(every)),
  }
}

function readMla(text: Json): MlaFacts | null {
  const kvRank = firstNumber(text, ['kv_lora_rank'])
  const nope = firstNumber(text, ['qk_nope_head_dim'])
  if (kvRank === null || nope === null) return null
  return {
    qRank: firstNumber(text, ['q_lora_rank']) ?? 0,
    kvRank,
    nope,
    rope: firstNumber(text, ['qk_rope_head_dim']) ?? 64,
    value: firstNumber(text, ['v_head_dim']) ?? nope,
  }
}

function readWindow(text: Json, layers: number): WindowFacts | null {
  const tokens = firstNumber(text, ['sliding_window', 'attention_chunk_size'])
  if (tokens === null || text.use_sliding_window === false) return null
  const types = Array.isArray(text.layer_types) ? text.layer_types.map(String) : null
  if (types) {
    const local = types.filter((type) => /sliding|chunked/.test(type)).length
    return local > 0 ? { tokens, layers: local } : null
  }
  const pattern = firstNumber(text, ['sliding_window_pattern'])
  if (pattern !== null && pattern > 1)
    return { tokens, layers: layers - Math.floor(layers / pattern) }
  return {
    tokens,
    layers: /gemma2/.test(asText(text.model_type) ?? '') ? Math.ceil(layers / 2) : layers,
  }
}

function readLinear(text: Json, layers: number): LinearFacts | null {
  const valueHeads = firstNumber(text, ['linear_num_value_heads'])
  if (valueHeads === null) return null
  const interval = firstNumber(text, ['full_attention_interval']) ?? 4
  const types = Array.isArray(text.layer_types) ? text.layer_types.map(String) : null
  return {
    layers: types
      ? types.filter((type) => /linear/.test(type)).length
      : layers - Math.floor(layers / interval),
    keyHeads: firstNumber(text, ['linear_num_key_heads']) ?? valueHeads,
    valueHeads,
    keyDim: firstNumber(text, ['linear_key_head_dim']) ?? 128,
    valueDim: firstNumber(text, ['linear_value_head_dim']) ?? 128,
  }
}

function readSparse(text: Json): SparseFacts | null {
  const topK = firstNumber(text, ['index_topk'])
  if (topK === null) return null
  return {
    topK,
    indexHeads: firstNumber(text, ['index_n_heads']) ?? 64,
    indexDim: firstNumber(text, ['index_head_dim']) ?? 128,
  }
}

/**
 * Block-sparse attention as InfLLM v2 has it: the best blocks and a window near the end are read, chosen by one mean key,
 * two bytes a number, for every few tokens.
 */
function readBlockSparse(text: Json, { heads, hidden }: Outline): SparseFacts | null {
  const sparse = asObject(text.sparse_config)
  const blocks = sparse && firstNumber(sparse, ['topk'])
  if (!sparse || blocks === null) return null
  const keys = firstNumber(text, ['num_key_value_heads']) ?? heads
  const headDim = firstNumber(text, ['head_dim']) ?? Math.round(hidden / heads)
  return {
    topK:
      blocks * (firstNumber(sparse, ['block_size']) ?? 64) +
      (firstNumber(sparse, ['window_size']) ?? 0),
    indexHeads: keys,
    indexDim: 2 * keys * headDim,
    blockTokens: firstNumber(sparse, ['kernel_stride', 'block_size']) ?? 64,
  }
}

/** A vision transformer: attention and feed-forward of each layer. */
function visionParameters(vision: Json | null): number {
  if (!vision) return 0
  const depth =
    firstNumber(vision, ['depth', 'num_hidden_layers', 'vt_num_hidden_layers', 'layers']) ?? 0
  const width = firstNumber(vision, ['hidden_size', 'vt_hidden_size', 'embed_dim']) ?? 0
  const inner = firstNumber(vision, ['intermediate_size', 'vt_intermediate_size']) ?? 4 * width
  return depth * (4 * width * width + 2 * width * inner)
}

function nativePrecision(outer: Json, text: Json): NativePrecision {
  const quantisation = asObject(outer.quantization_config) ?? asObject(text.quantization_config)
  const method = JSON.stringify(quantisation ?? {}).toLowerCase()
  if (/mxfp4/.test(method)) return 'mxfp4'
  if (/fp8|float8/.test(method)) return 'fp8'
  if (/"(?:num_)?bits":4|awq|gptq|int4/.test(method)) return 'int4'
  return 'bf16'
}
