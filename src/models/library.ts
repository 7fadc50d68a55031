import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { AppError } from '../core/errors.ts'
import { bundledModel } from './bundled/catalogue.ts'
import { prepareBundled, type PrepareOptions } from './bundled/prepare.ts'
import { entryOf, type ModelEntry, type ModelTask, taskOf } from './entry.ts'
import { readGguf } from './gguf/header.ts'
import { readRecord, readRecords, recordPath } from './record.ts'
import { isMeant } from './meant.ts'
import { type ModelReference, parseReference } from './reference.ts'

/** What a deployment's `model:` comes to. */
export interface ResolvedModel {
  readonly name: string
  /** Absolute. */
  readonly path: string
  readonly bytes: number
  readonly task: ModelTask
}

/** All that is in the models directory, also files that somebody put there by hand. By name. */
export async function listModels(directory: string): Promise<readonly ModelEntry[]> {
  const records = await readRecords(directory)
  const known = new Set(records.flatMap(({ files }) => files.map(({ file }) => file)))
  const names = await readdir(directory).catch(() => [])
  const strangers = names.filter(
    (name) => /\.gguf$/i.test(name) && !name.startsWith('.') && !known.has(name),
  )
  const entries = await Promise.all([
    ...records.map((record) => entryOf(directory, record)),
    ...strangers.map((name) => strangerEntry(directory, name)),
  ])
  return entries.toSorted((one, other) => one.name.localeCompare(other.name))
}

/**
 * Finds the file behind a reference: a bundled model (made first where need be), a path, the name of a model in the
 * models directory, or the reference that a model was pulled by. Fetches nothing.
 * Errors: model/not-found, model/bad-reference, model/bad-file, and those of `prepareBundled`.
 */
export async function resolveModel(
  text: string,
  directory: string,
  options: PrepareOptions = {},
): Promise<ResolvedModel> {
  const reference = parseReference(text)
  if (reference.kind === 'bundled') {
    const { name, bytes, task } = bundledModel(reference.name)
    return { name, bytes, task, path: resolve(await prepareBundled(name, directory, options)) }
  }
  if (reference.kind === 'path') {
    const path = resolve(reference.path)
    const header = await readGguf(path)
    return { name: stemOfPath(path), path, bytes: header.fileBytes, task: taskOf(header) }
  }
  const entry = await findEntry(reference, directory)
  if (!entry)
    throw new AppError('model/not-found', {
      message: `there is no model "${text}" here`,
      ...(reference.kind === 'name' ? {} : { hint: `Fetch it first: baleen model pull ${text}` }),
    })
  if (entry.problem !== null)
    throw new AppError('model/bad-file', { message: `${entry.name}: ${entry.problem}` })
  return { ...entry, path: resolve(entry.path) }
}

/** Removes a model's files and its record. Errors: model/not-found. */
export async function removeModel(name: string, directory: string): Promise<void> {
  const entry = await findNamed(name, directory)
  const record = await readRecord(directory, name)
  const paths = record?.files.map(({ file }) => join(directory, file)) ?? [entry.path]
  // The record goes last: until then what is left can be named and removed again.
  for (const path of paths) await rm(path, { force: true })
  await rm(recordPath(directory, name), { force: true })
}

/**
 * Reads a whole model and compares it with what it was when it came.
 * Errors: model/not-found; model/checksum, model/bad-file where it has been damaged since.
 */
export async function verifyModel(
  name: string,
  directory: string,
  { onProgress, signal }: PrepareOptions = {},
): Promise<ModelEntry> {
  const entry = await findNamed(name, directory)
  if (entry.problem !== null)
    throw new AppError('model/bad-file', { message: `${name}: ${entry.problem}` })
  const record = await readRecord(directory, name)
  let doneBytes = 0
  for (const { file, sha256 } of record?.files ?? []) {
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(join(directory, file), {
      highWaterMark: 1 << 20,
      signal,
    })) {
      hash.update(chunk as Buffer)
      doneBytes += (chunk as Buffer).byteLength
      onProgress?.({ step: 'check', text: name, doneBytes, totalBytes: entry.bytes })
    }
    if (hash.digest('hex') !== sha256)
      throw new AppError('model/checksum', {
        message: `${file} has been damaged: its SHA-256 is no longer ${sha256}`,
        hint: `Fetch it again: baleen model rm ${name}, then baleen model pull ${entry.source}`,
      })
  }
  await readGguf(entry.path)
  return entry
}

async function strangerEntry(directory: string, file: string): Promise<ModelEntry> {
  const path = join(directory, file)
  const base = { name: stemOfPath(file), path, source: null, sha256: null }
  try {
    const header = await readGguf(path)
    const { architecture, fileBytes: bytes } = header
    return { ...base, bytes, architecture, task: taskOf(header), problem: null }
  } catch (thrown) {
    const { size } = await stat(path).catch(() => ({ size: 0 }))
    const problem = thrown instanceof AppError ? thrown.message : 'it can’t be read'
    return { ...base, bytes: size, architecture: null, task: 'generate', problem }
  }
}

const stemOfPath = (path: string): string =>
  path
    .split(/[/\\]/)
    .at(-1)
    ?.replace(/\.gguf$/i, '') ?? path

/** Which of the models that are here references mean; what none of them means is left out. */
export function meantEntries(
  references: readonly string[],
  entries: readonly ModelEntry[],
): readonly ModelEntry[] {
  const meant = references.flatMap((text) => {
    const reference = referenceIn(text)
    if (reference === null) return []
    if (reference.kind === 'path') {
      const path = resolve(reference.path)
      return entries.find((entry) => resolve(entry.path) === path) ?? []
    }
    return entryFor(reference, entries) ?? []
  })
  return [...new Set(meant)]
}

/** Null: a name of some engine's own, such as `llama3:8b`. */
function referenceIn(text: string): ModelReference | null {
  try {
    return parseReference(text)
  } catch {
    return null
  }
}

async function findEntry(
  reference: Exclude<ModelReference, { kind: 'bundled' | 'path' }>,
  directory: string,
): Promise<ModelEntry | undefined> {
  return entryFor(reference, await listModels(directory))
}

function entryFor(
  reference: Exclude<ModelReference, { kind: 'path' }>,
  entries: readonly ModelEntry[],
): ModelEntry | undefined {
  if (reference.kind === 'name' || reference.kind === 'bundled')
    return entries.find(({ name }) => name === reference.name)
  return entries.find(({ source }) => source !== null && isMeant(reference, source))
}

async function findNamed(name: string, directory: string): Promise<ModelEntry> {
  const found = (await listModels(directory)).find((entry) => entry.name === name)
  if (found) return found
  throw new AppError('model/not-found', { message: `there is no model "${name}" here` })
}
