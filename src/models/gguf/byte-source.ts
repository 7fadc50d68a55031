import { type FileHandle, open, stat } from 'node:fs/promises'
import { AppError } from '../../core/errors.ts'

/** Bytes at a position: a file, memory, or later a server that knows ranges. */
export interface ByteSource {
  readonly bytes: number
  /** Fewer than asked for only at the end. */
  read(position: number, length: number): Promise<Uint8Array>
}

export const memorySource = (memory: Uint8Array): ByteSource => ({
  bytes: memory.byteLength,
  read: (position, length) => Promise.resolve(memory.subarray(position, position + length)),
})

/** Errors: model/bad-file for what is no file, else those of the file system. */
export async function withFile<T>(
  path: string,
  use: (source: ByteSource) => Promise<T>,
): Promise<T> {
  // Opening a pipe would wait for its writer.
  if (!(await stat(path)).isFile())
    throw new AppError('model/bad-file', { message: 'this is not a file' })
  const handle = await open(path)
  try {
    return await use(await fileSource(handle))
  } finally {
    await handle.close()
  }
}

async function fileSource(handle: FileHandle): Promise<ByteSource> {
  const { size } = await handle.stat()
  return {
    bytes: size,
    async read(position, length) {
      const buffer = Buffer.allocUnsafe(Math.min(length, Math.max(size - position, 0)))
      const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, position)
      return buffer.subarray(0, bytesRead)
    },
  }
}
