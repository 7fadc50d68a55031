import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { replaceFile } from '../durable-file.ts'

const note = z.object({
  /** Goes into If-Range: a strong ETag, else the date of the last change. Null: only a checksum can tell that it is still the same file. */
  validator: z.string().nullable(),
  totalBytes: z.int().nullable(),
})
/** What stands in `PATH.json` beside an unfinished file: the server's side of it. */
type Note = z.infer<typeof note>

/** A file on its way, with the digests of just what is there. One writer at a time. */
export interface PartialFile {
  readonly bytes: number
  /** Null: nothing is there yet. */
  readonly note: Note | null
  restart(note: Note | null): Promise<void>
  append(chunk: Uint8Array): Promise<void>
  /** Waits for the disk. Lower-case hex by algorithm; ends the digests. */
  finish(): Promise<ReadonlyMap<string, string>>
  close(): Promise<void>
}

/** Where a URL's bytes are collected. */
export function partialPath(directory: string, url: string): string {
  const name = basename(new URL(url).pathname)
    .replaceAll(/[^\w.-]/g, '_')
    .slice(-80)
  return join(directory, `${createHash('sha256').update(url).digest('hex').slice(0, 16)}-${name}`)
}

export async function removePartial(path: string): Promise<void> {
  await rm(path, { force: true })
  await rm(notePath(path), { force: true })
}

/** Opens what an earlier attempt left, or begins. Reads it once, for the digests. */
export async function openPartial(
  path: string,
  algorithms: readonly string[],
  signal: AbortSignal | undefined,
): Promise<PartialFile> {
  const handle = await open(path, 'a')
  const createHashes = (): Map<string, Hash> =>
    new Map(algorithms.map((algorithm) => [algorithm, createHash(algorithm)]))
  let hashes = createHashes()
  let bytes = 0
  let current = await readNote(path)

  const count = (chunk: Uint8Array): void => {
    bytes += chunk.byteLength
    for (const hash of hashes.values()) hash.update(chunk)
  }
  const file: PartialFile = {
    get bytes() {
      return bytes
    },
    get note() {
      return current
    },
    async restart(next) {
      if ((await handle.stat()).size > 0) await handle.truncate(0)
      bytes = 0
      hashes = createHashes()
      current = next
      if (next) await replaceFile(notePath(path), JSON.stringify(next))
    },
    async append(chunk) {
      await handle.writeFile(chunk)
      count(chunk)
    },
    async finish() {
      await handle.sync()
      return new Map([...hashes].map(([algorithm, hash]) => [algorithm, hash.digest('hex')]))
    },
    close: () => handle.close(),
  }

  try {
    const { size } = await handle.stat()
    const isUsable = current !== null && size <= (current.totalBytes ?? Infinity)
    if (size === 0 || !isUsable) await file.restart(null)
    else
      for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal }))
        count(chunk as Buffer)
  } catch (thrown) {
    await handle.close()
    throw thrown
  }
  return file
}

const notePath = (path: string): string => `${path}.json`

async function readNote(path: string): Promise<Note | null> {
  try {
    return note.parse(JSON.parse(await readFile(notePath(path), 'utf8')))
  } catch {
    return null
  }
}
