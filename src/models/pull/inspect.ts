import { AppError } from '../../core/errors.ts'
import { withFile } from '../gguf/byte-source.ts'
import { type GgufHeader, numberOf, readGgufHeader } from '../gguf/header.ts'
import type { ModelSource } from './source.ts'
import type { Fetched } from './transfer.ts'

/** Refuses what is not the model that was asked for. Errors: model/checksum, model/bad-file. */
export async function inspect(
  source: ModelSource,
  files: readonly Fetched[],
  sha256: string | undefined,
): Promise<readonly GgufHeader[]> {
  const [first] = files
  if (sha256 !== undefined && (files.length !== 1 || first?.sha256 !== sha256))
    throw new AppError('model/checksum', {
      message:
        files.length === 1
          ? `${source.source} has the SHA-256 ${first?.sha256}, not ${sha256}`
          : `${source.source} is split into ${files.length} files, which have no common SHA-256`,
    })
  const headers: GgufHeader[] = []
  for (const [index, { path }] of files.entries()) {
    const label = source.downloads[index]?.label ?? source.source
    const header = await readHeader(path, source.unpack ? source.source : label)
    const parts = numberOf(header, 'split.count') ?? 1
    if (parts > 1 && parts !== files.length)
      throw refused(label, `it is one of ${parts} parts, and ${files.length} were fetched`)
    headers.push(header)
  }
  return headers
}

async function readHeader(path: string, label: string): Promise<GgufHeader> {
  try {
    return await withFile(path, readGgufHeader)
  } catch (thrown) {
    if (thrown instanceof AppError) throw refused(label, thrown.message, thrown)
    throw thrown
  }
}

const refused = (label: string, problem: string, cause?: unknown): AppError =>
  new AppError('model/bad-file', {
    message: `${label} came, and was removed again: ${problem}`,
    cause,
    hint: 'The source does not hold a model that engines can read; choose another.',
  })
