import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { publish } from '../durable-file.ts'
import { entryOf, type ModelEntry, taskOf } from '../entry.ts'
import type { GgufHeader } from '../gguf/header.ts'
import { readRecords, writeRecord } from '../record.ts'
import { partPath } from './choose-file.ts'
import { exclusively } from './exclusive.ts'
import { chooseName } from './name.ts'
import type { ModelSource } from './source.ts'
import type { Fetched } from './transfer.ts'

/** A model that came and was found sound. */
export interface SoundModel {
  readonly source: ModelSource
  readonly files: readonly Fetched[]
  readonly headers: readonly GgufHeader[]
}

const renameWaitMs = 30_000

/** Gives a fetched model its name and its record, after which it is there. Errors: model/name-taken. */
export async function keep(
  { source, files, headers }: SoundModel,
  wanted: string | null,
  directory: string,
): Promise<ModelEntry> {
  const lock = { waitMs: renameWaitMs, what: directory, signal: undefined }
  // Two pulls that end at once must not choose the same name.
  return exclusively(join(directory, '.partial', 'names.lock'), lock, async () => {
    const old = (await readRecords(directory)).find((record) => record.source === source.source)
    const name = await chooseName(directory, { source, header: headers[0], wanted, old })
    const named = files.map(({ path, bytes, sha256 }, index) => ({
      path,
      file: files.length === 1 ? `${name}.gguf` : partPath(name, index, files.length),
      bytes,
      sha256,
    }))
    const record = {
      name,
      source: source.source,
      revision: source.revision,
      task: headers[0] ? taskOf(headers[0]) : 'generate',
      architecture: headers[0]?.architecture ?? null,
      files: named.map(({ file, bytes, sha256 }) => ({ file, bytes, sha256 })),
    }
    // In this order a kill leaves a record that misses its files, which the next pull mends under the same name;
    // never files without an owner, nor new words about old bytes.
    for (const { file } of old?.name === name ? old.files : [])
      await rm(join(directory, file), { force: true })
    await writeRecord(directory, record)
    for (const { path, file } of named) await publish(path, join(directory, file))
    return entryOf(directory, record)
  })
}
