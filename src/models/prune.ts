import { stat, utimes } from 'node:fs/promises'
import { listModels, removeModel } from './library.ts'
import { recordPath } from './record.ts'

/** A model that was fetched or made, and can be again. */
export interface CachedModel {
  readonly name: string
  readonly bytes: number
  readonly lastUsedMs: number
}

export interface PrunePlan {
  /** The longest unused first. */
  readonly remove: readonly CachedModel[]
  /** What stays. More than the limit where what is in use alone is more. */
  readonly leftBytes: number
}

/** Who has to go so that the rest fits. What is in use stays. */
export function planPrune(
  models: readonly CachedModel[],
  inUse: ReadonlySet<string>,
  bytesMax: number,
): PrunePlan {
  let leftBytes = models.reduce((sum, { bytes }) => sum + bytes, 0)
  const remove: CachedModel[] = []
  for (const model of models.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)) {
    if (leftBytes <= bytesMax) break
    if (inUse.has(model.name)) continue
    remove.push(model)
    leftBytes -= model.bytes
  }
  return { remove, leftBytes }
}

/** All that came by a pull or a conversion; files that somebody put there by hand are theirs to remove. */
export async function cachedModels(directory: string): Promise<readonly CachedModel[]> {
  const entries = (await listModels(directory)).filter(({ source }) => source !== null)
  return Promise.all(
    entries.map(async ({ name, bytes }) => {
      const found = await stat(recordPath(directory, name)).catch(() => null)
      return { name, bytes, lastUsedMs: found?.mtimeMs ?? 0 }
    }),
  )
}

/** The time of a record is when its model was last asked for. */
export async function noteUse(directory: string, name: string, nowMs: number): Promise<void> {
  const now = new Date(nowMs)
  await utimes(recordPath(directory, name), now, now).catch(() => undefined)
}

export async function prune(plan: PrunePlan, directory: string): Promise<void> {
  for (const { name } of plan.remove) await removeModel(name, directory)
}
