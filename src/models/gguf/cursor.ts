import { AppError } from '../../core/errors.ts'
import type { ByteSource } from './byte-source.ts'

/**
 * Reads forward through a source with one window of 64 KiB in memory. Numbers are little-endian. Reading a number
 * takes it for granted that `has` or `need` said it is there.
 */
export interface Cursor {
  readonly position: number
  /** Bytes up to where a header may go on. */
  readonly left: number
  has(bytes: number): boolean
  /** Makes sure that the next numbers can be read without waiting. At most the size of the window. */
  need(bytes: number, what: string): Promise<void>
  skip(bytes: number, what: string): void
  text(bytes: number, what: string): Promise<string>
  u8(): number
  i8(): number
  u16(): number
  i16(): number
  u32(): number
  i32(): number
  f32(): number
  f64(): number
  /** Beyond 2^53 the nearest double: enough to see that a length is absurd. */
  u64(): number
  i64(): number
  /** Counts what the caller keeps in memory, and fails where a file makes it keep too much. */
  keep(bytes: number): void
  /** model/bad-file, with the position. */
  fail(problem: string): never
}

const windowBytes = 65_536

/** The longest real headers hold some 20 MB of vocabulary, of which nothing is kept. */
const headerBytesMax = 128 << 20
const keptBytesMax = 8 << 20

export function createCursor(source: ByteSource): Cursor {
  const end = Math.min(source.bytes, headerBytesMax)
  let kept = 0
  let window: DataView = new DataView(new ArrayBuffer(0))
  let windowStart = 0
  let offset = 0

  const step = (bytes: number): number => {
    offset += bytes
    return offset - bytes
  }
  const load = async (length: number, atLeast: number, what: string): Promise<void> => {
    const start = cursor.position
    const chunk = await source.read(start, length)
    if (chunk.byteLength < atLeast) cursor.fail(`it was cut short while ${what} was read`)
    window = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    windowStart = start
    offset = 0
  }

  const cursor: Cursor = {
    get position() {
      return windowStart + offset
    },
    get left() {
      return end - cursor.position
    },
    has: (bytes) => window.byteLength - offset >= bytes,
    async need(bytes, what) {
      if (cursor.has(bytes)) return
      if (cursor.left < bytes) cursor.fail(`it ends inside ${what}`)
      await load(windowBytes, bytes, what)
    },
    skip(bytes, what) {
      if (bytes > cursor.left) cursor.fail(`${what} of ${bytes} bytes goes beyond the end`)
      offset += bytes
    },
    async text(bytes, what) {
      if (bytes > cursor.left) cursor.fail(`${what} of ${bytes} bytes goes beyond the end`)
      if (!cursor.has(bytes)) await load(Math.max(bytes, windowBytes), bytes, what)
      cursor.keep(bytes)
      const start = window.byteOffset + step(bytes)
      return Buffer.from(window.buffer, start, bytes).toString('utf8')
    },
    u8: () => window.getUint8(step(1)),
    i8: () => window.getInt8(step(1)),
    u16: () => window.getUint16(step(2), true),
    i16: () => window.getInt16(step(2), true),
    u32: () => window.getUint32(step(4), true),
    i32: () => window.getInt32(step(4), true),
    f32: () => window.getFloat32(step(4), true),
    f64: () => window.getFloat64(step(8), true),
    u64: () => Number(window.getBigUint64(step(8), true)),
    i64: () => Number(window.getBigInt64(step(8), true)),
    keep(bytes) {
      kept += bytes
      if (kept > keptBytesMax) cursor.fail('it has more metadata than any model needs')
    },
    fail(problem) {
      throw new AppError('model/bad-file', {
        message: `not a sound GGUF file: ${problem} (byte ${cursor.position} of ${source.bytes})`,
      })
    },
  }
  return cursor
}
