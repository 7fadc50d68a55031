import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { AppError } from '../../core/errors.ts'
import { bundledModels } from '../bundled/catalogue.ts'
import { type GgufHeader, numberOf } from '../gguf/header.ts'
import { fileTypes } from '../gguf/tensor-type.ts'
import { type ModelRecord, readRecord } from '../record.ts'
import type { ModelSource } from './source.ts'

export interface Naming {
  readonly source: ModelSource
  readonly header: GgufHeader | undefined
  /** What the person asked for. */
  readonly wanted: string | null
  /** What is here from the same source. */
  readonly old: ModelRecord | undefined
}

/**
 * A readable name that no other model has: the one asked for, the one the same source had before, or one after its
 * file or package, with a digest of the source behind it where that is taken. Errors: model/name-taken.
 */
export async function chooseName(directory: string, naming: Naming): Promise<string> {
  const { source, wanted, old } = naming
  if (wanted !== null) {
    if (await isFree(directory, wanted, source.source)) return wanted
    throw new AppError('model/name-taken', {
      message: `${wanted} is the name of another model`,
      param: 'name',
    })
  }
  if (old) return old.name
  const name = readableName(source, naming.header)
  if (await isFree(directory, name, source.source)) return name
  const digest = createHash('sha256').update(source.source).digest('hex')
  return `${name}-${digest.slice(0, 6)}`
}

function readableName(source: ModelSource, header: GgufHeader | undefined): string {
  const name = slug(source.nameHint)
  // Names of files say how they are quantised, names of packages seldom do.
  const type = source.unpack && header && fileTypes.get(numberOf(header, 'general.file_type') ?? -1)
  return type && !name.includes(type) ? `${name}-${type}` : name
}

/** "TinyLlama 1.1B (chat)" → "tinyllama-1.1b-chat". */
function slug(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
  return name.slice(0, 100) || 'model'
}

async function isFree(directory: string, name: string, source: string): Promise<boolean> {
  if (bundledModels.some((model) => model.name === name)) return false
  const record = await readRecord(directory, name)
  if (record) return record.source === source
  const files = await readdir(directory)
  return !files.some((file) => file === `${name}.gguf` || file.startsWith(`${name}-00001-of-`))
}
