import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { GgufHeader } from './gguf/header.ts'
import type { ModelRecord } from './record.ts'

export type ModelTask = 'generate' | 'embed'

/** A model that is in the models directory. */
export interface ModelEntry {
  readonly name: string
  /** Absolute; of a split model the first part, which is what engines are given. */
  readonly path: string
  readonly bytes: number
  readonly task: ModelTask
  readonly architecture: string | null
  /** The reference it was pulled from. Null: somebody put the file there. */
  readonly source: string | null
  /** SHA-256 of the file, of a split model null. */
  readonly sha256: string | null
  /** Why it can't be used: "cut short", "missing". Null: nothing known against it. */
  readonly problem: string | null
}

/** Cheap: compares sizes, reads no weights. */
export async function entryOf(directory: string, record: ModelRecord): Promise<ModelEntry> {
  const problems = await Promise.all(
    record.files.map(async ({ file, bytes }) => {
      const found = await stat(join(directory, file)).catch(() => null)
      if (!found) return `${file} is missing`
      return found.size === bytes ? null : `${file} has ${found.size} bytes instead of ${bytes}`
    }),
  )
  const [first] = record.files
  return {
    name: record.name,
    path: join(directory, first?.file ?? ''),
    bytes: record.files.reduce((sum, { bytes }) => sum + bytes, 0),
    task: record.task,
    architecture: record.architecture,
    source: record.source,
    sha256: record.files.length === 1 ? (first?.sha256 ?? null) : null,
    problem: problems.find((problem) => problem !== null) ?? null,
  }
}

/** Encoders that pool their tokens into one vector make embeddings, everything else writes text. */
export function taskOf({ architecture, metadata }: GgufHeader): ModelTask {
  const pooling = metadata.get(`${architecture}.pooling_type`)
  const isCausal = metadata.get(`${architecture}.attention.causal`) !== false
  return (typeof pooling === 'number' && pooling > 0) || !isCausal ? 'embed' : 'generate'
}
