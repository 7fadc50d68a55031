import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../core/clock.ts'
import { AppError } from '../core/errors.ts'
import { formatBytes } from '../core/units.ts'
import { listModels, meantEntries } from './library.ts'
import { cachedModels, planPrune, prune, type CachedModel } from './prune.ts'

/** What all models together may take, and which of them have to stay. */
export interface ModelLimit {
  readonly bytesMax: number
  /** References and names, as deployments write them. */
  readonly inUse: readonly string[]
}

/** What is to come. */
export interface Arrival {
  readonly bytes: number
  /** For the error: the file or the model. */
  readonly what: string
  /** Unfinished files that are its own. */
  readonly partials: readonly string[]
}

/**
 * Deletes unfinished pulls that nobody goes on with, then the models that nobody has used for the longest time, until
 * what is to come is within the limit. Where what is in use leaves too little nothing is deleted. Returns the names of
 * the models that went. Errors: `model/no-room`.
 */
export async function makeRoom(
  directory: string,
  { bytes, what, partials }: Arrival,
  { bytesMax, inUse }: ModelLimit,
): Promise<readonly string[]> {
  const others = (await unfinished(directory)).filter(({ name }) => !partials.includes(name))
  const nowMs = systemClock.nowMs()
  const forgotten = others.filter(({ lastUsedMs }) => nowMs - lastUsedMs > idleMs)
  const models = await cachedModels(directory)
  const used = meantEntries(inUse, await listModels(directory)).map(({ name }) => name)
  const leftBytesMax = bytesMax - bytes - (sum(others) - sum(forgotten))
  const removable = [...forgotten.map((one) => ({ ...one, lastUsedMs: 0 })), ...models]
  const { remove, leftBytes } = planPrune(removable, new Set(used), leftBytesMax)
  if (leftBytes > leftBytesMax) {
    const inTheWay = used.length === 0 ? '' : `, and ${used.join(', ')} in use`
    throw new AppError('model/no-room', {
      message: `${what} has ${formatBytes(bytes)}: models.maxSize is ${formatBytes(bytesMax)}${inTheWay}`,
    })
  }
  const paths = new Set(forgotten.map(({ name }) => name))
  for (const { name } of remove)
    if (paths.has(name)) for (const path of [name, `${name}.json`]) await rm(path, { force: true })
  const gone = remove.filter(({ name }) => !paths.has(name))
  await prune({ remove: gone, leftBytes }, directory)
  return gone.map(({ name }) => name)
}

/** Nobody has written to it for so long: its pull is not under way. */
const idleMs = 600_000

/** What pulls have left or are at work on, by path. */
async function unfinished(directory: string): Promise<readonly CachedModel[]> {
  const partialDirectory = join(directory, '.partial')
  const names = await readdir(partialDirectory).catch(() => [])
  const files = names.filter((name) => !/\.(lock|json)/.test(name))
  return Promise.all(
    files.map(async (file) => {
      const name = join(partialDirectory, file)
      const found = await stat(name).catch(() => null)
      return { name, bytes: found?.size ?? 0, lastUsedMs: found?.mtimeMs ?? 0 }
    }),
  )
}

const sum = (all: readonly { readonly bytes: number }[]): number =>
  all.reduce((total, { bytes }) => total + bytes, 0)
