import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { temporaryPath, writeSynced } from '../durable-file.ts'
import { download } from './download.ts'
import { removePartial } from './partial-file.ts'
import type { ModelSource } from './source.ts'
import type { Fetched, Transfer } from './transfer.ts'

/** The files of a model, complete, waiting for a name. */
export interface FetchedModel {
  readonly files: readonly Fetched[]
  /** Removes what is left of them, and what a next attempt would have gone on with. */
  forget(): Promise<void>
}

export async function fetchSource(
  source: ModelSource,
  directory: string,
  transfer: Transfer,
): Promise<FetchedModel> {
  const downloaded: Fetched[] = []
  for (const job of source.downloads) downloaded.push(await download(job, transfer))
  const paths = downloaded.map(({ path }) => path)
  const forgetDownloads = async (): Promise<void> => {
    await Promise.all(paths.map(removePartial))
  }
  if (!source.unpack) return { files: downloaded, forget: forgetDownloads }

  const path = temporaryPath(join(directory, 'unpacked.gguf'))
  const chunks = counted(source.unpack(paths), source.source, transfer)
  const written = await writeSynced(path, chunks).catch(async (thrown: unknown) => {
    // What can't be unpacked now can't be unpacked later, and a full disk needs the space.
    if (thrown instanceof AppError) await forgetDownloads()
    throw thrown
  })
  return {
    files: [{ ...written, path }],
    async forget() {
      await rm(path, { force: true })
      await forgetDownloads()
    },
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  text: string,
  { onProgress, signal }: Transfer,
): AsyncGenerator<Uint8Array> {
  let doneBytes = 0
  for await (const chunk of chunks) {
    signal?.throwIfAborted()
    yield chunk
    doneBytes += chunk.byteLength
    onProgress({ step: 'join', text, doneBytes, totalBytes: null })
  }
}
