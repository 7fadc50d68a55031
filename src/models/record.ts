import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { replaceFile } from './durable-file.ts'

/** A name that is safe as a file name everywhere and readable in a config. */
export const modelName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,127}$/)

const modelRecord = z.object({
  name: modelName,
  /** The reference it came from, with everything that was left open then decided. */
  source: z.string(),
  /** The hub's commit, or whatever else names the exact content there. */
  revision: z.string().nullable(),
  task: z.enum(['generate', 'embed']),
  architecture: z.string().nullable(),
  /** In the models directory; several for a split model, in order. */
  files: z
    .array(
      z.object({
        file: z.string().regex(/^[^/\\]+\.gguf$/),
        bytes: z.int().min(0),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .min(1),
})
/** `NAME.json` beside a model's files: where they came from and what they have to be. Written last. */
export type ModelRecord = z.infer<typeof modelRecord>

export const recordPath = (directory: string, name: string): string =>
  join(directory, `${name}.json`)

/** Null: there is none, or none that can be read, which comes to the same: the model has to be made again. */
export async function readRecord(directory: string, name: string): Promise<ModelRecord | null> {
  const text = await readFile(recordPath(directory, name), 'utf8').catch(() => null)
  if (text === null) return null
  try {
    const parsed = modelRecord.safeParse(JSON.parse(text))
    return parsed.success && parsed.data.name === name ? parsed.data : null
  } catch {
    return null
  }
}

/** By name. A directory that is not there yet has none. */
export async function readRecords(directory: string): Promise<readonly ModelRecord[]> {
  const names = await readdir(directory).catch(() => [])
  const records = await Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .toSorted()
      .map((name) => readRecord(directory, name.slice(0, -'.json'.length))),
  )
  return records.filter((record) => record !== null)
}

export async function writeRecord(directory: string, record: ModelRecord): Promise<void> {
  await replaceFile(recordPath(directory, record.name), `${JSON.stringify(record, null, 2)}\n`)
}
