import { AppError } from '../../core/errors.ts'
import { type ByteSource, withFile } from './byte-source.ts'
import { createCursor, type Cursor } from './cursor.ts'
import { readTensors, type GgufTensor } from './tensors.ts'
import { type GgufValue, readValue } from './value.ts'

/** What stands before the weights. */
export interface GgufHeader {
  /** `general.architecture`: which network this is, "llama", "bert". Null in later parts of a split file. */
  readonly architecture: string | null
  /** `general.name`. */
  readonly name: string | null
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: readonly GgufTensor[]
  readonly fileBytes: number
}

/**
 * Reads a GGUF file without its weights and checks that they lie inside it. Made for files from strangers: every
 * length is checked before anything is allocated, and a few MB are all that one can make it hold.
 * Errors: model/bad-file says what is wrong and where; model/not-found.
 */
export async function readGguf(path: string): Promise<GgufHeader> {
  try {
    return await withFile(path, readGgufHeader)
  } catch (thrown) {
    if (thrown instanceof AppError)
      throw new AppError(thrown.code, { message: `${path}: ${thrown.message}`, cause: thrown })
    const code = (thrown as NodeJS.ErrnoException).code
    if (code === 'ENOENT') throw new AppError('model/not-found', { message: `no file ${path}` })
    throw new AppError('model/bad-file', {
      message: `can't read ${path}: ${code ?? String(thrown)}`,
      cause: thrown,
    })
  }
}

const entriesMax = 65_536
const keyBytesMax = 65_535

/** As `readGguf`, from anything that gives bytes. */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  const cursor = createCursor(source)
  await cursor.need(24, 'the first 24 bytes')
  checkMagic(cursor)
  const tensorCount = cursor.u64()
  const entryCount = cursor.u64()
  if (entryCount > entriesMax) cursor.fail(`it claims ${entryCount} metadata entries`)

  const metadata = await readMetadata(cursor, entryCount)
  const tensors = await readTensors(cursor, tensorCount, {
    alignment: alignmentOf(cursor, metadata),
    fileBytes: source.bytes,
  })
  return {
    architecture: textOf(metadata, 'general.architecture'),
    name: textOf(metadata, 'general.name'),
    metadata,
    tensors,
    fileBytes: source.bytes,
  }
}

/** A number of the metadata, or null where it is missing or something else. */
export function numberOf(header: GgufHeader, key: string): number | null {
  const value = header.metadata.get(key)
  return typeof value === 'number' ? value : null
}

function textOf(metadata: ReadonlyMap<string, GgufValue>, key: string): string | null {
  const value = metadata.get(key)
  return typeof value === 'string' ? value : null
}

const magic = 0x46_55_47_47
const knownVersions = new Set([2, 3])

function checkMagic(cursor: Cursor): void {
  if (cursor.u32() !== magic) cursor.fail('it does not begin with "GGUF"')
  const version = cursor.u32()
  if (knownVersions.has(version)) return
  if (version > 0 && version % 65_536 === 0)
    cursor.fail('it was written for big-endian machines: convert it again for little-endian ones')
  cursor.fail(`version ${version} of the format; 2 and 3 can be read`)
}

async function readMetadata(
  cursor: Cursor,
  entryCount: number,
): Promise<ReadonlyMap<string, GgufValue>> {
  const metadata = new Map<string, GgufValue>()
  for (let index = 0; index < entryCount; index++) {
    await cursor.need(8, `metadata entry ${index + 1} of ${entryCount}`)
    const keyBytes = cursor.u64()
    if (keyBytes > keyBytesMax) cursor.fail(`a metadata key of ${keyBytes} bytes`)
    const key = await cursor.text(keyBytes, 'a metadata key')
    if (metadata.has(key)) cursor.fail(`the metadata key ${key} stands there twice`)
    metadata.set(key, await readValue(cursor, key))
  }
  return metadata
}

function alignmentOf(cursor: Cursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get('general.alignment') ?? 32
  const isPowerOfTwo =
    typeof alignment === 'number' && alignment > 0 && Number.isInteger(Math.log2(alignment))
  if (!isPowerOfTwo || alignment > 1 << 20)
    cursor.fail(`general.alignment is ${JSON.stringify(alignment)}, not a power of two`)
  return alignment
}
