import { invariant } from '../../core/errors.ts'

/** A constant of the graph. `data` is a view on the file, in ONNX's row-major order. */
export interface OnnxTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** ONNX's TensorProto.DataType: 1 float32, 2 uint8, 3 int8. */
  readonly dataType: number
  readonly data: Uint8Array
}

interface OnnxNode {
  readonly name: string
  readonly operator: string
  readonly inputs: readonly string[]
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[]
  readonly tensors: ReadonlyMap<string, OnnxTensor>
}

/**
 * Reads what a weight converter needs of an ONNX file: operators with their inputs, and constants with raw data.
 * Field numbers are those of onnx.proto3. For files whose bytes are pinned by integrity, not for untrusted ones.
 */
export function readOnnx(bytes: Uint8Array): OnnxGraph {
  const nodes: OnnxNode[] = []
  const tensors = new Map<string, OnnxTensor>()
  for (const graph of messages(bytes, 7)) {
    for (const node of messages(graph, 1)) nodes.push(readNode(node))
    for (const initializer of messages(graph, 5)) {
      const tensor = readTensor(initializer)
      tensors.set(tensor.name, tensor)
    }
  }
  return { nodes, tensors }
}

function readNode(bytes: Uint8Array): OnnxNode {
  return {
    inputs: [...messages(bytes, 1)].map(text),
    name: text(first(bytes, 3)),
    operator: text(first(bytes, 4)),
  }
}

function readTensor(bytes: Uint8Array): OnnxTensor {
  const shape: number[] = []
  let dataType = 0
  for (const field of fields(bytes)) {
    if (field.number === 1) shape.push(...(field.bytes ? packed(field.bytes) : [field.value]))
    if (field.number === 2) dataType = field.value
  }
  const raw = first(bytes, 9)
  return {
    name: text(first(bytes, 8)),
    shape,
    dataType,
    // Scalars stand in the typed field, whose packed floats have the same bytes.
    data: raw.length > 0 ? raw : first(bytes, 4),
  }
}

/** One protobuf field: a number, or bytes where it is length-delimited or fixed. */
interface Field {
  readonly number: number
  readonly value: number
  readonly bytes: Uint8Array | null
}

const fixedBytes: Readonly<Record<number, number>> = { 1: 8, 5: 4 }

function* fields(bytes: Uint8Array): Generator<Field> {
  let position = 0
  while (position < bytes.length) {
    const key = varint(bytes, position)
    const number = Math.floor(key.value / 8)
    const wireType = key.value % 8
    position = key.end
    if (wireType === 0) {
      const { value, end } = varint(bytes, position)
      yield { number, value, bytes: null }
      position = end
      continue
    }
    const length = wireType === 2 ? varint(bytes, position) : null
    const start = length ? length.end : position
    const size = length ? length.value : fixedBytes[wireType]
    invariant(size !== undefined, `protobuf wire type ${wireType}`)
    invariant(start + size <= bytes.length, 'protobuf field beyond the end of the file')
    yield { number, value: 0, bytes: bytes.subarray(start, start + size) }
    position = start + size
  }
}

function* messages(bytes: Uint8Array, number: number): Generator<Uint8Array> {
  for (const field of fields(bytes)) if (field.number === number && field.bytes) yield field.bytes
}

const empty = new Uint8Array(0)

function first(bytes: Uint8Array, number: number): Uint8Array {
  for (const message of messages(bytes, number)) return message
  return empty
}

function packed(bytes: Uint8Array): number[] {
  const values: number[] = []
  for (let position = 0; position < bytes.length;) {
    const { value, end } = varint(bytes, position)
    values.push(value)
    position = end
  }
  return values
}

function varint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0
  let factor = 1
  for (let position = start; position < start + 10; position++) {
    const byte = bytes[position]
    invariant(byte !== undefined, 'protobuf number beyond the end of the file')
    value += (byte & 127) * factor
    if (byte < 128) return { value, end: position + 1 }
    factor *= 128
  }
  invariant(false, 'protobuf number longer than ten bytes')
}

const text = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
