import type { Cursor } from './cursor.ts'

/** A long array or text of which only the extent was kept: vocabularies, merges, embedded files. */
interface OmittedValue {
  readonly elementType: string
  readonly length: number
}

export type GgufValue = number | boolean | string | readonly GgufValue[] | OmittedValue

/** Numbers kept of one array: a value for each layer, never one for each token. */
const numbersKept = 4096
const textsKept = 256
const textBytesKept = 1 << 20
/** Arrays of arrays exist in the format; nothing real nests deeper than two. */
const depthMax = 4

interface Scalar {
  readonly name: string
  readonly bytes: number
  read(cursor: Cursor): number | boolean
}

const scalars: ReadonlyMap<number, Scalar> = new Map<number, Scalar>([
  [0, { name: 'u8', bytes: 1, read: (cursor) => cursor.u8() }],
  [1, { name: 'i8', bytes: 1, read: (cursor) => cursor.i8() }],
  [2, { name: 'u16', bytes: 2, read: (cursor) => cursor.u16() }],
  [3, { name: 'i16', bytes: 2, read: (cursor) => cursor.i16() }],
  [4, { name: 'u32', bytes: 4, read: (cursor) => cursor.u32() }],
  [5, { name: 'i32', bytes: 4, read: (cursor) => cursor.i32() }],
  [6, { name: 'f32', bytes: 4, read: (cursor) => cursor.f32() }],
  [7, { name: 'bool', bytes: 1, read: (cursor) => cursor.u8() !== 0 }],
  [10, { name: 'u64', bytes: 8, read: (cursor) => cursor.u64() }],
  [11, { name: 'i64', bytes: 8, read: (cursor) => cursor.i64() }],
  [12, { name: 'f64', bytes: 8, read: (cursor) => cursor.f64() }],
])
const textType = 8
const arrayType = 9

/** Reads the value of one metadata entry, its type id first. */
export async function readValue(cursor: Cursor, key: string): Promise<GgufValue> {
  await cursor.need(4, `the type of ${key}`)
  return readTyped(cursor, cursor.u32(), key, 0)
}

async function readTyped(
  cursor: Cursor,
  type: number,
  key: string,
  depth: number,
): Promise<GgufValue> {
  if (type === textType) return readText(cursor, key)
  if (type === arrayType) return readArray(cursor, key, depth + 1)
  const scalar = scalars.get(type)
  if (!scalar) cursor.fail(`${key} has the unknown value type ${type}`)
  await cursor.need(scalar.bytes, key)
  cursor.keep(8)
  return scalar.read(cursor)
}

async function readText(cursor: Cursor, key: string): Promise<string | OmittedValue> {
  await cursor.need(8, `the length of ${key}`)
  const length = cursor.u64()
  if (length <= textBytesKept) return cursor.text(length, key)
  cursor.skip(length, key)
  return { elementType: 'u8', length }
}

async function readArray(cursor: Cursor, key: string, depth: number): Promise<GgufValue> {
  if (depth > depthMax) cursor.fail(`${key} nests arrays deeper than ${depthMax}`)
  await cursor.need(12, `the length of ${key}`)
  cursor.keep(16)
  const type = cursor.u32()
  const length = cursor.u64()
  const scalar = scalars.get(type)
  const elementBytes = scalar?.bytes ?? (type === arrayType ? 12 : 8)
  if (length * elementBytes > cursor.left)
    cursor.fail(`${key} claims ${length} elements, more than the file can hold`)
  if (scalar && length > numbersKept) {
    cursor.skip(length * scalar.bytes, key)
    return { elementType: scalar.name, length }
  }
  if (type === textType && length > textsKept) {
    await skipTexts(cursor, length, key)
    return { elementType: 'string', length }
  }
  if (!scalar && length > textsKept) cursor.fail(`${key} claims ${length} arrays`)
  const values: GgufValue[] = []
  for (let index = 0; index < length; index++)
    values.push(await readTyped(cursor, type, key, depth))
  return values
}

/** A vocabulary of 256,000 tokens in some 20 ms: waits only where the window ends. */
async function skipTexts(cursor: Cursor, count: number, key: string): Promise<void> {
  for (let index = 0; index < count; index++) {
    if (!cursor.has(8)) await cursor.need(8, key)
    cursor.skip(cursor.u64(), key)
  }
}
