import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AppError } from '../core/errors.ts'

export interface Written {
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
}

/** A name beside `path` for a file in the making. It carries the pid, so that a dead writer's can be told. */
export const temporaryPath = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`)

/** Writes a new file and waits until the disk has it. Leaves nothing behind when it fails. */
export async function writeSynced(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<Written> {
  const hash = createHash('sha256')
  let bytes = 0
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'wx')
    for await (const chunk of chunks) {
      hash.update(chunk)
      bytes += chunk.byteLength
      await handle.writeFile(chunk)
    }
    await handle.sync()
  } catch (thrown) {
    await handle?.close()
    handle = undefined
    await rm(path, { force: true })
    throw diskError(thrown, path)
  } finally {
    await handle?.close()
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** Gives a finished file its name; readers see the old file or the whole new one. */
export async function publish(temporary: string, path: string): Promise<void> {
  try {
    await rename(temporary, path)
    await syncDirectory(dirname(path))
  } catch (thrown) {
    throw diskError(thrown, path)
  }
}

/** Replaces a small file as a whole. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = temporaryPath(path)
  await writeSynced(temporary, [Buffer.from(text)])
  await publish(temporary, path)
}

const abandonedAfterMs = 600_000

/** Removes what writers left that were killed, on this machine or, if old enough, on one that shares the disk. */
export async function removeAbandoned(directory: string, nowMs: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = /^\..+\.(\d+)-[0-9a-f]{8}\.tmp$/.exec(name)?.[1]
    if (pid === undefined) continue
    const path = join(directory, name)
    const found = await stat(path).catch(() => null)
    if (found && (!isAlive(Number(pid)) || nowMs - found.mtimeMs > abandonedAfterMs))
      await rm(path, { force: true })
  }
}

/** Names what a person can mend about a failed write; anything else is passed on. */
export function diskError(thrown: unknown, path: string): unknown {
  const code = (thrown as NodeJS.ErrnoException | null)?.code
  if (code !== undefined && full.has(code))
    return new AppError('machine/disk-full', {
      message: `no space left to write ${path}`,
      cause: thrown,
    })
  if (code !== undefined && unwritable.has(code))
    return new AppError('machine/data-unwritable', {
      message: `can't write ${path}: ${code}`,
      cause: thrown,
    })
  return thrown
}

const full: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
/** The last two: something on the way to the file is no directory. */
const unwritable: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'])

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A rename is only safe from a power cut once the directory is on disk. Windows can't and needn't. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
