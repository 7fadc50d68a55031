import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../core/errors.ts'
import { countParameters } from '../model-facts.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { readGgufMetadata } from './gguf-metadata.ts'
import { readHfConfig } from './hf-config.ts'
import { readSafetensorsHeader } from './safetensors-header.ts'

describe('readHfConfig', () => {
  it('reads a dense model like the catalogue', () => {
    const facts = readHfConfig('llama', {
      model_type: 'llama',
      num_hidden_layers: 32,
      hidden_size: 4096,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      intermediate_size: 14336,
      vocab_size: 128256,
      max_position_embeddings: 131072,
      tie_word_embeddings: false,
    })
    const known = resolveModel('Llama-3.1-8B')
    expect(known).not.toBeNull()
    expect(facts).toEqual({ ...known, name: 'llama', repo: null, source: facts.source })
  })

  it('reads latent attention, experts and a sparse indexer', () => {
    const facts = readHfConfig('deepseek', {
      model_type: 'deepseek_v32',
      num_hidden_layers: 61,
      hidden_size: 7168,
      num_attention_heads: 128,
      num_key_value_heads: 128,
      intermediate_size: 18432,
      vocab_size: 129280,
      n_routed_experts: 256,
      n_shared_experts: 1,
      num_experts_per_tok: 8,
      moe_intermediate_size: 2048,
      first_k_dense_replace: 3,
      moe_layer_freq: 1,
      kv_lora_rank: 512,
      q_lora_rank: 1536,
      qk_nope_head_dim: 128,
      qk_rope_head_dim: 64,
      v_head_dim: 128,
      index_topk: 2048,
      index_n_heads: 64,
      index_head_dim: 128,
      max_position_embeddings: 163840,
      quantization_config: { quant_method: 'fp8' },
    })
    expect(countParameters(facts).total / 1e9).toBeCloseTo(672, -1)
    expect(facts.nativePrecision).toBe('fp8')
    expect(facts.sparse?.topK).toBe(2048)
  })

  it('reads windows, hybrids and what a multimodal config nests', () => {
    const gemma = readHfConfig('gemma', {
      model_type: 'gemma3',
      vision_config: { num_hidden_layers: 27, hidden_size: 1152, intermediate_size: 4304 },
      text_config: {
        model_type: 'gemma3_text',
        num_hidden_layers: 62,
        hidden_size: 5376,
        num_attention_heads: 32,
        num_key_value_heads: 16,
        head_dim: 128,
        intermediate_size: 21504,
        vocab_size: 262208,
        sliding_window: 1024,
        sliding_window_pattern: 6,
      },
    })
    expect(gemma.window).toEqual({ tokens: 1024, layers: 52 })
    expect(gemma.extraParameters / 1e9).toBeCloseTo(0.41, 1)
    expect(gemma.tiedEmbeddings).toBe(true)
    const hybrid = readHfConfig('qwen', {
      text_config: {
        num_hidden_layers: 60,
        hidden_size: 4096,
        num_attention_heads: 32,
        num_key_value_heads: 2,
        head_dim: 256,
        vocab_size: 248320,
        num_experts: 512,
        num_experts_per_tok: 10,
        moe_intermediate_size: 1024,
        shared_expert_intermediate_size: 1024,
        linear_num_key_heads: 16,
        linear_num_value_heads: 64,
        full_attention_interval: 4,
      },
    })
    expect(hybrid.linear?.layers).toBe(45)
    expect(countParameters(hybrid).total / 1e9).toBeCloseTo(397, -1)
  })

  it('reads block-sparse attention', () => {
    const { sparse } = readHfConfig('minicpm', {
      num_hidden_layers: 32,
      hidden_size: 4096,
      num_attention_heads: 32,
      num_key_value_heads: 2,
      vocab_size: 73448,
      sparse_config: { topk: 64, block_size: 64, window_size: 2048, kernel_stride: 16 },
    })
    expect(sparse).toMatchObject({ topK: 64 * 64 + 2048, blockTokens: 16 })
  })

  it('tells encoders from decoders', () => {
    const bert = readHfConfig('bert', {
      model_type: 'bert',
      num_hidden_layers: 12,
      hidden_size: 768,
      num_attention_heads: 12,
      intermediate_size: 3072,
      vocab_size: 30522,
    })
    expect(bert.kind).toBe('encoder')
    expect(bert.mlpMatrices).toBe(2)
    expect(countParameters(bert).total / 1e9).toBeCloseTo(0.11, 2)
  })

  it('refuses what is no model with a code, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          return readHfConfig('any', value).layers > 0
        } catch (error) {
          return error instanceof AppError && error.code === 'planner/bad-model'
        }
      }),
    )
  })
})

describe('readGgufMetadata', () => {
  const keys: Record<string, number> = {
    'llama.block_count': 22,
    'llama.embedding_length': 2048,
    'llama.attention.head_count': 32,
    'llama.attention.head_count_kv': 4,
    'llama.feed_forward_length': 5632,
    'llama.context_length': 2048,
  }
  const header = (vocabulary: number | null) => ({
    name: 'tinyllama.gguf',
    architecture: 'llama',
    numberOf: (key: string) => keys[key] ?? null,
    vocabulary,
    hasOutputTensor: true,
  })

  it('reads the shape', () => {
    expect(countParameters(readGgufMetadata(header(32000))).total / 1e9).toBeCloseTo(1.1, 2)
  })

  it('refuses a header without a shape', () => {
    expect(() => readGgufMetadata(header(null))).toThrow(
      expect.objectContaining({ code: 'planner/bad-model' }),
    )
  })
})

describe('readSafetensorsHeader', () => {
  it('reads the shape from the tensors', () => {
    const layer = (index: number) => ({
      [`model.layers.${index}.self_attn.q_proj.weight`]: { dtype: 'BF16', shape: [4096, 4096] },
      [`model.layers.${index}.self_attn.k_proj.weight`]: { dtype: 'BF16', shape: [1024, 4096] },
      [`model.layers.${index}.mlp.gate_proj.weight`]: { dtype: 'BF16', shape: [14336, 4096] },
    })
    const facts = readSafetensorsHeader('llama', {
      __metadata__: {},
      'model.embed_tokens.weight': { dtype: 'BF16', shape: [128256, 4096] },
      'lm_head.weight': { dtype: 'BF16', shape: [128256, 4096] },
      ...Object.assign({}, ...Array.from({ length: 32 }, (_, index) => layer(index))),
    })
    expect(facts).toMatchObject({
      layers: 32,
      heads: 32,
      kvHeads: 8,
      headDim: 128,
      tiedEmbeddings: false,
    })
    expect(countParameters(facts).total / 1e9).toBeCloseTo(8.03, 1)
  })

  it('refuses a file that is no language model', () => {
    expect(() => readSafetensorsHeader('x', { w: { dtype: 'F32', shape: [2, 2] } })).toThrow(
      expect.objectContaining({ code: 'planner/bad-model' }),
    )
  })
})
