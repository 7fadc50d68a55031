import { createHash } from 'node:crypto'
import { mkdir, readdir, rm, stat, statfs } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Dispatcher } from 'undici'
import { systemClock } from '../../core/clock.ts'
import { AppError } from '../../core/errors.ts'
import { prepareBundled } from '../bundled/prepare.ts'
import { diskError, removeAbandoned } from '../durable-file.ts'
import { entryOf, type ModelEntry } from '../entry.ts'
import type { OnProgress } from '../progress.ts'
import { modelName, type ModelRecord, readRecord, readRecords } from '../record.ts'
import { formatReference, type ModelReference, parseReference } from '../reference.ts'
import { makeRoom, type ModelLimit } from '../room.ts'
import { exclusively } from './exclusive.ts'
import { fetchSource } from './fetch.ts'
import { openHub } from './hub.ts'
import { inspect } from './inspect.ts'
import { keep } from './keep.ts'
import { openNpm } from './npm.ts'
import { dockerLogin } from './oci-access.ts'
import { openOci } from './oci.ts'
import { partialPath } from './partial-file.ts'
import { npmRegistry } from './registry.ts'
import { openS3, type S3Store, s3StoreOf } from './s3.ts'
import type { ModelSource } from './source.ts'
import type { Transfer } from './transfer.ts'
import { openUrl } from './url.ts'

export interface PullOptions {
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
  /** HF_ENDPOINT. Default: the public hub. */
  readonly endpoint?: string
  /** HF_TOKEN: sent to the endpoint only. */
  readonly token?: string
  /** Where `s3:` references are. Default: AWS, what is public there. */
  readonly s3?: S3Store
  /** Directory of Docker's configuration, with logins of registries. Default: `~/.docker`. */
  readonly dockerConfig?: string
  /** npm's registry. Default: what `npm config get registry` says. */
  readonly registry?: string
  /** What a single file has to have, lower-case hex. */
  readonly sha256?: string
  /** What to call it here. Default: after its file. */
  readonly name?: string
  /** What all models may take: the longest unused go before this one comes. Default: whatever the disk has. */
  readonly limit?: ModelLimit
  /** Told of each that went. */
  readonly onPruned?: (name: string) => void
  /** For proxies. */
  readonly dispatcher?: Dispatcher
  /** First pause before another attempt; it doubles with each. Default: 0.5 s. */
  readonly retryDelayMs?: number
  /** Silence after which a server is given up for this attempt. Default: 30 s. */
  readonly silenceMs?: number
  /** Bytes that may still be written where the directory is. Default: what the file system says. */
  readonly freeBytes?: (directory: string) => Promise<number>
}

const publicHub = 'https://huggingface.co'

/**
 * Brings a model into the models directory, going on where an earlier attempt stopped, and checks what came: size,
 * checksum where the source has one, and that it is a GGUF file all of whose weights are there. What is here already
 * and still the same is not fetched again. Safe with several processes and with kill -9 at any moment.
 * Errors: all of model/, machine/disk-full, machine/data-unwritable.
 */
export async function pullModel(
  text: string,
  modelsDirectory: string,
  options: PullOptions = {},
): Promise<ModelEntry> {
  const directory = resolve(modelsDirectory)
  const reference = parseReference(text)
  if (reference.kind === 'bundled') return pullBundled(reference.name, directory, options)
  checkOptions(options)
  const transfer = await prepareTransfer(directory, options)
  const source = await openSource(reference, options, transfer)
  const digest = createHash('sha256').update(source.source).digest('hex')
  const lockPath = join(transfer.partialDirectory, `${digest.slice(0, 16)}.lock`)
  const { signal } = options
  return exclusively(lockPath, { waitMs: 0, what: source.source, signal }, async () => {
    const present = await findPresent(source, directory, options.sha256)
    if (present) refuseOtherName(present, options)
    const entry = present ?? (await fetchAndKeep(source, directory, options, transfer))
    // Whoever opened the old lock meanwhile finds the model when it comes to hold it.
    await rm(lockPath, { force: true }).catch(() => undefined)
    return entry
  })
}

async function pullBundled(
  name: string,
  directory: string,
  options: PullOptions,
): Promise<ModelEntry> {
  await prepareBundled(name, directory, options)
  const record = await readRecord(directory, name)
  if (!record) throw new AppError('model/not-found', { message: `${name} was removed meanwhile` })
  return entryOf(directory, record)
}

function checkOptions({ sha256, name }: PullOptions): void {
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256))
    throw new AppError('model/bad-reference', {
      message: `"${sha256}" is no SHA-256: it has 64 digits 0-9 a-f`,
      param: 'sha256',
    })
  if (name !== undefined && !modelName.safeParse(name).success)
    throw new AppError('model/bad-reference', {
      message: `"${name}" can't be a model's name: use lower-case letters, digits and . _ -`,
      param: 'name',
    })
}

/** What is here is not fetched again only to be called otherwise, and nobody is left to find that out. */
function refuseOtherName(present: ModelEntry, { name }: PullOptions): void {
  if (name === undefined || name === present.name) return
  throw new AppError('model/name-taken', {
    message: `${present.source} is here already, as "${present.name}"`,
    param: 'name',
    hint: `Deploy it by that name, or \`baleen model rm ${present.name}\` and pull again.`,
  })
}

const forgottenAfterMs = 7 * 86_400_000

async function prepareTransfer(directory: string, options: PullOptions): Promise<Transfer> {
  const partialDirectory = join(directory, '.partial')
  try {
    await mkdir(partialDirectory, { recursive: true })
    await removeAbandoned(directory, systemClock.nowMs())
    for (const name of await readdir(partialDirectory)) {
      const path = join(partialDirectory, name)
      const found = name.endsWith('.lock') ? null : await stat(path).catch(() => null)
      if (found && systemClock.nowMs() - found.mtimeMs > forgottenAfterMs)
        await rm(path, { force: true })
    }
  } catch (thrown) {
    throw diskError(thrown, partialDirectory)
  }
  return {
    partialDirectory,
    onProgress: options.onProgress ?? (() => undefined),
    signal: options.signal,
    dispatcher: options.dispatcher,
    retryDelayMs: options.retryDelayMs ?? 500,
    silenceMs: options.silenceMs ?? 30_000,
    freeBytes: options.freeBytes ?? freeBytes,
    makeRoom: () => Promise.resolve(),
  }
}

/** Keeps the directory within its limit, what is to come from there counted. */
function withinLimit(
  { downloads }: ModelSource,
  directory: string,
  { limit, onPruned }: PullOptions,
  transfer: Transfer,
): Transfer {
  if (!limit) return transfer
  const partials = downloads.map(({ url }) => partialPath(transfer.partialDirectory, url))
  return {
    ...transfer,
    async makeRoom(bytes, what) {
      const gone = await makeRoom(directory, { bytes, what, partials }, limit)
      for (const name of gone) onPruned?.(name)
    },
  }
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory)
  return bavail * bsize
}

async function openSource(
  reference: Exclude<ModelReference, { kind: 'bundled' }>,
  options: PullOptions,
  transfer: Transfer,
): Promise<ModelSource> {
  switch (reference.kind) {
    case 'hub': {
      const endpoint = checkServer(options.endpoint ?? publicHub)
      return openHub(reference, { endpoint, token: options.token ?? null }, transfer)
    }
    case 'npm': {
      const registry = options.registry ?? (await npmRegistry(options.signal))
      return openNpm(reference, checkServer(registry), transfer)
    }
    case 'url':
      return openUrl(reference.url)
    case 's3':
      return openS3(reference, options.s3 ?? s3StoreOf({}), transfer)
    case 'oci':
      return openOci(reference, dockerLogin(options.dockerConfig), transfer)
    case 'path':
    case 'name':
      throw new AppError('model/bad-reference', {
        message: `"${formatReference(reference)}" is on this machine or nowhere: there is nothing to fetch`,
      })
  }
}

function checkServer(url: string): string {
  if (/^https?:$/.test(URL.parse(url)?.protocol ?? '')) return url.replace(/\/+$/, '')
  throw new AppError('model/bad-reference', {
    message: `"${url}" is no address of a server`,
    hint: "Write HF_ENDPOINT, or npm's registry, like https://HOST.",
  })
}

/** What is here from the same source, whole, and as far as can be told still what the source has. */
async function findPresent(
  source: ModelSource,
  directory: string,
  sha256: string | undefined,
): Promise<ModelEntry | null> {
  const record = (await readRecords(directory)).find((found) => found.source === source.source)
  if (!record) return null
  const entry = await entryOf(directory, record)
  const isCurrent = source.unpack !== null || isSame(source, record)
  const isWanted = sha256 === undefined || entry.sha256 === sha256
  return entry.problem === null && isCurrent && isWanted ? entry : null
}

const isSame = (source: ModelSource, record: ModelRecord): boolean =>
  source.downloads.length === record.files.length &&
  source.downloads.every(
    ({ checksum }, index) =>
      checksum?.algorithm !== 'sha256' || checksum.hex === record.files[index]?.sha256,
  )

async function fetchAndKeep(
  source: ModelSource,
  directory: string,
  options: PullOptions,
  transfer: Transfer,
): Promise<ModelEntry> {
  const within = withinLimit(source, directory, options, transfer)
  const announced = source.downloads.map(({ bytes }) => bytes ?? 0)
  await within.makeRoom(
    announced.reduce((sum, bytes) => sum + bytes),
    source.source,
  )
  const fetched = await fetchSource(source, directory, within)
  try {
    const headers = await inspect(source, fetched.files, options.sha256)
    // Not every source says before how much it is.
    await within.makeRoom(
      fetched.files.reduce((sum, { bytes }) => sum + bytes, 0),
      source.source,
    )
    const entry = await keep({ source, headers, ...fetched }, options.name ?? null, directory)
    await fetched.forget()
    return entry
  } catch (thrown) {
    // A file that was refused once would be refused again.
    if (thrown instanceof AppError && refusals.has(thrown.code)) await fetched.forget()
    throw thrown
  }
}

const refusals: ReadonlySet<string> = new Set(['model/bad-file', 'model/checksum', 'model/no-room'])
