import type { Cursor } from './cursor.ts'
import { tensorBytes, tensorTypes } from './tensor-type.ts'

export interface GgufTensor {
  readonly name: string
  /** ggml's name: "Q4_K". */
  readonly type: string
  /** Fastest dimension first. */
  readonly shape: readonly number[]
  /** From the start of the file. */
  readonly offset: number
  readonly bytes: number
}

const tensorsMax = 100_000
/** ggml itself stops at 64; forks go further. */
const nameBytesMax = 256
const dimensionsMax = 4
/** An empty name, no dimensions, type and offset. */
const infoBytesMin = 24

/** Reads the list of tensors and checks that each lies in the file, on its alignment, apart from the others. */
export async function readTensors(
  cursor: Cursor,
  count: number,
  { alignment, fileBytes }: { alignment: number; fileBytes: number },
): Promise<readonly GgufTensor[]> {
  if (count > tensorsMax || count * infoBytesMin > cursor.left)
    cursor.fail(`it claims ${count} tensors, more than it can hold`)
  const found: GgufTensor[] = []
  const names = new Set<string>()
  for (let index = 0; index < count; index++) {
    const tensor = await readTensor(cursor, `tensor ${index + 1} of ${count}`)
    if (names.has(tensor.name)) cursor.fail(`the tensor ${tensor.name} stands there twice`)
    if (tensor.offset % alignment !== 0)
      cursor.fail(`${tensor.name} does not start on a multiple of ${alignment}`)
    names.add(tensor.name)
    found.push(tensor)
  }
  const dataStart = Math.ceil(cursor.position / alignment) * alignment
  const tensors = found.map((tensor) => ({ ...tensor, offset: dataStart + tensor.offset }))
  checkPlaces(cursor, tensors, fileBytes)
  return tensors
}

async function readTensor(cursor: Cursor, what: string): Promise<GgufTensor> {
  await cursor.need(8, what)
  const nameBytes = cursor.u64()
  if (nameBytes > nameBytesMax) cursor.fail(`${what} has a name of ${nameBytes} bytes`)
  const name = await cursor.text(nameBytes, `the name of ${what}`)
  await cursor.need(4, name)
  const dimensions = cursor.u32()
  if (dimensions > dimensionsMax) cursor.fail(`${name} claims ${dimensions} dimensions`)
  await cursor.need(dimensions * 8 + 12, name)
  const shape = Array.from({ length: dimensions }, () => cursor.u64())
  const typeId = cursor.u32()
  const offset = cursor.u64()
  const type = tensorTypes.get(typeId)
  if (!type) cursor.fail(`${name} is stored as type ${typeId}, which is unknown`)
  const bytes = tensorBytes(type, shape)
  if (bytes === null) cursor.fail(`${name} can't be ${shape.join(' × ')} in ${type.name}`)
  return { name, type: type.name, shape, offset, bytes }
}

function checkPlaces(cursor: Cursor, tensors: readonly GgufTensor[], fileBytes: number): void {
  let end = 0
  let last = ''
  for (const { name, offset, bytes } of tensors.toSorted((one, next) => one.offset - next.offset)) {
    if (offset < end) cursor.fail(`the tensors ${last} and ${name} overlap`)
    end = offset + bytes
    last = name
  }
  if (end > fileBytes)
    cursor.fail(`it is cut short: ${end - fileBytes} bytes are missing at the end, of ${last}`)
}
