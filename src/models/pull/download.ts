import { dirname } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { formatBytes } from '../../core/units.ts'
import { diskError } from '../durable-file.ts'
import { type Authorise, failed, type HttpAnswer, send } from './http.ts'
import { openPartial, type PartialFile, partialPath, removePartial } from './partial-file.ts'
import { refuseStatus, type Hints } from './refuse.ts'
import { retrying } from './retry.ts'
import type { Fetched, Transfer } from './transfer.ts'

/** What a file has to be, by whoever offers it. */
export interface Checksum {
  readonly algorithm: 'md5' | 'sha1' | 'sha256' | 'sha512'
  /** Lower case. */
  readonly hex: string
}

export interface Download {
  readonly url: string
  readonly token: string | null
  readonly authorise?: Authorise | null
  /** What to do where it is refused. */
  readonly hints?: Hints
  /** For the progress bar. */
  readonly label: string
  readonly bytes: number | null
  readonly checksum: Checksum | null
  /** What names the content that is there now, as its ETag. Null or absent: not known before it comes. */
  readonly validator?: string | null
}

/**
 * Fetches a file in as many attempts as it takes, in this process or a later one: what is there is kept, a change on
 * the server is noticed and the file begun anew. Resolves when all of it is on disk and has the checksum.
 * Errors: model/download-failed, model/checksum, model/not-found, model/forbidden, machine/disk-full.
 */
export async function download(job: Download, transfer: Transfer): Promise<Fetched> {
  const path = partialPath(transfer.partialDirectory, job.url)
  const algorithms = [...new Set(['sha256', job.checksum?.algorithm ?? 'sha256'])]
  let file: PartialFile | undefined
  try {
    file = await openPartial(path, algorithms, transfer.signal)
    await fetchAll(file, job, transfer)
    const digests = await file.finish()
    checkDigest(job, digests)
    return { path, bytes: file.bytes, sha256: digests.get('sha256') ?? '' }
  } catch (thrown) {
    transfer.signal?.throwIfAborted()
    const error = diskError(thrown, path)
    // A full disk hurts everything else on it: give the space back.
    if (error instanceof AppError && useless.has(error.code)) await removePartial(path)
    throw error
  } finally {
    await file?.close()
  }
}

const useless: ReadonlySet<string> = new Set([
  'model/checksum',
  'model/no-room',
  'machine/disk-full',
])

async function fetchAll(file: PartialFile, job: Download, transfer: Transfer): Promise<void> {
  let before = file.bytes
  const hasProgressed = (): boolean => {
    const isMore = file.bytes > before
    before = file.bytes
    return isMore
  }
  await retrying(() => fetchRest(file, job, transfer), transfer, hasProgressed)
}

async function fetchRest(file: PartialFile, job: Download, transfer: Transfer): Promise<void> {
  const isOther = job.validator != null && file.note?.validator !== job.validator
  if (file.bytes > 0 && isOther) await file.restart(null)
  const validator = file.note?.validator ?? null
  // Where the server can not say that the file is the same one, its checksum will.
  const canResume = file.bytes > 0 && (validator !== null || job.checksum !== null)
  if (canResume && file.bytes === file.note?.totalBytes) return
  const headers: Record<string, string> = {
    ...(canResume ? { range: `bytes=${file.bytes}-` } : {}),
    ...(canResume && validator !== null ? { 'if-range': validator } : {}),
  }
  const answer = await send(
    job.url,
    { token: job.token, authorise: job.authorise ?? null, headers },
    transfer,
  )
  try {
    await placeBody(answer, file, job)
    await refuseFullDisk(file, job, transfer)
    await readBody(answer, file, job, transfer)
  } finally {
    answer.body.on('error', () => undefined).destroy()
  }
}

/** Decides by status and headers where the body belongs. Throws where it belongs nowhere. */
async function placeBody(answer: HttpAnswer, file: PartialFile, job: Download): Promise<void> {
  const { status, headers, url } = answer
  if (status === 206) {
    const [, from, total] =
      /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? []
    const etag = headers.get('etag')
    // Some servers heed the range and not its condition.
    const isSame = !file.note?.validator?.startsWith('"') || !etag || etag === file.note.validator
    if (isSame && Number(from) === file.bytes && Number(total) === file.note?.totalBytes) return
  }
  if (status === 206 || status === 416) {
    await file.restart(null)
    throw failed(url, 'what is on disk does not fit the file there')
  }
  // A store behind a redirect refuses signatures that have grown old: the next attempt gets a new one.
  if ((status === 401 || status === 403) && url.origin !== new URL(job.url).origin)
    throw failed(url, `status ${status}`)
  if (status !== 200) await refuseStatus(answer, job.label, job.hints)

  const length = headers.get('content-length')
  const totalBytes = length === undefined ? null : Number(length)
  if (job.bytes !== null && totalBytes !== null && totalBytes !== job.bytes)
    throw failed(url, `it offers ${totalBytes} bytes where ${job.bytes} were announced`)
  await file.restart({ validator: validatorOf(headers), totalBytes })
}

function validatorOf(headers: ReadonlyMap<string, string>): string | null {
  const etag = headers.get('etag')
  return etag?.startsWith('"') ? etag : (headers.get('last-modified') ?? null)
}

/** What the rest of the machine needs to go on working. */
const reserveBytes = 64 << 20

async function refuseFullDisk(file: PartialFile, job: Download, transfer: Transfer): Promise<void> {
  const totalBytes = file.note?.totalBytes ?? job.bytes
  if (totalBytes === null) return
  await transfer.makeRoom(totalBytes, job.label)
  await needSpace(totalBytes - file.bytes, job.label, transfer)
}

/** Errors: machine/disk-full. */
export async function needSpace(bytes: number, what: string, transfer: Transfer): Promise<void> {
  const freeBytes = await transfer.freeBytes(transfer.partialDirectory)
  if (bytes + reserveBytes > freeBytes)
    throw new AppError('machine/disk-full', {
      message:
        `${what} needs ${formatBytes(bytes)} more and ${formatBytes(reserveBytes)} in reserve, ` +
        `${formatBytes(freeBytes)} are free in ${dirname(transfer.partialDirectory)}`,
    })
}

async function readBody(
  { body, url }: HttpAnswer,
  file: PartialFile,
  job: Download,
  transfer: Transfer,
): Promise<void> {
  const totalBytes = file.note?.totalBytes ?? null
  const tell = (): void =>
    transfer.onProgress({ step: 'download', text: job.label, doneBytes: file.bytes, totalBytes })
  tell()
  const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  for (;;) {
    const next = await chunks.next().catch((thrown: unknown) => {
      transfer.signal?.throwIfAborted()
      throw failed(url, thrown instanceof Error ? thrown.message : String(thrown), thrown)
    })
    if (next.done) break
    await file.append(next.value)
    tell()
  }
  if (totalBytes !== null && file.bytes !== totalBytes)
    throw failed(url, `it broke off after ${file.bytes} of ${totalBytes} bytes`)
}

function checkDigest({ label, checksum }: Download, digests: ReadonlyMap<string, string>): void {
  if (!checksum || digests.get(checksum.algorithm) === checksum.hex) return
  throw new AppError('model/checksum', {
    message: `${label} has the ${checksum.algorithm} ${digests.get(checksum.algorithm)}, not ${checksum.hex}`,
  })
}
