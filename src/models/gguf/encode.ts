import { invariant } from '../../core/errors.ts'
import { type TensorType, tensorBytes, tensorTypes } from './tensor-type.ts'

/** One metadata entry. Order in the file is the order given. */
export type GgufField =
  | readonly [key: string, type: 'u32' | 'f32', value: number]
  | readonly [key: string, type: 'bool', value: boolean]
  | readonly [key: string, type: 'string', value: string]
  | readonly [key: string, type: 'string[]', value: readonly string[]]
  | readonly [key: string, type: 'i32[]', value: readonly number[]]

export interface GgufTensorSource {
  readonly name: string
  readonly type: 'F32' | 'F16' | 'Q8_0'
  /** Fastest dimension first, as GGUF has it: the reverse of a row-major shape. */
  readonly shape: readonly number[]
  /** Called once, in file order, when its turn has come: at most one tensor need be in memory. */
  data(): Uint8Array
}

const alignment = 32

/** The bytes of a GGUF file, version 3, little-endian, in chunks of at most one tensor. */
export function* encodeGguf(
  fields: readonly GgufField[],
  tensors: readonly GgufTensorSource[],
): Generator<Uint8Array> {
  const sizes = tensors.map((tensor) => sizeOf(tensor))
  let offset = 0
  const infos = tensors.map((tensor, index) => {
    const info = encodeTensorInfo(tensor, offset)
    offset += (sizes[index] ?? 0) + padding(sizes[index] ?? 0)
    return info
  })
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(fields.length),
    ...fields.map(encodeField),
    ...infos,
  ])
  yield header
  yield Buffer.alloc(padding(header.byteLength))

  for (const [index, tensor] of tensors.entries()) {
    const data = tensor.data()
    invariant(
      data.byteLength === sizes[index],
      `${tensor.name}: data of another size than its shape`,
    )
    yield data
    yield Buffer.alloc(padding(data.byteLength))
  }
}

const padding = (bytes: number): number => (alignment - (bytes % alignment)) % alignment

const typeIds = new Map([...tensorTypes].map(([id, type]) => [type.name, { id, type }]))

function typeOf(tensor: GgufTensorSource): { id: number; type: TensorType } {
  const found = typeIds.get(tensor.type)
  invariant(found, `tensor type ${tensor.type}`)
  return found
}

function sizeOf(tensor: GgufTensorSource): number {
  const bytes = tensorBytes(typeOf(tensor).type, tensor.shape)
  invariant(bytes !== null, `${tensor.name}: shape ${tensor.shape.join('×')} as ${tensor.type}`)
  return bytes
}

function encodeTensorInfo(tensor: GgufTensorSource, offset: number): Buffer {
  return Buffer.concat([
    text(tensor.name),
    u32(tensor.shape.length),
    ...tensor.shape.map(u64),
    u32(typeOf(tensor).id),
    u64(offset),
  ])
}

function encodeField(field: GgufField): Buffer {
  return Buffer.concat([text(field[0]), ...encodeValue(field)])
}

function encodeValue(field: GgufField): Buffer[] {
  switch (field[1]) {
    case 'u32':
      return [u32(4), u32(field[2])]
    case 'f32':
      return [u32(6), f32(field[2])]
    case 'bool':
      return [u32(7), Buffer.of(field[2] ? 1 : 0)]
    case 'string':
      return [u32(8), text(field[2])]
    case 'string[]':
      return [u32(9), u32(8), u64(field[2].length), ...field[2].map(text)]
    case 'i32[]':
      return [u32(9), u32(5), u64(field[2].length), ...field[2].map(i32)]
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.byteLength), bytes])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
