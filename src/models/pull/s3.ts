import { AwsV4Signer } from 'aws4fetch'
import { posix } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { formatReference, type S3Reference } from '../reference.ts'
import { partsOf, stemOf } from './choose-file.ts'
import type { Checksum, Download } from './download.ts'
import { type Authorise, send } from './http.ts'
import { refuseStatus, type Hints } from './refuse.ts'
import { retrying } from './retry.ts'
import type { ModelSource } from './source.ts'
import type { Transfer } from './transfer.ts'

/** A store that speaks S3, named as AWS's own tools name it. */
export interface S3Store {
  /** AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL: of another store than AWS's own, or of one's own. */
  readonly endpoint: string | null
  /** AWS_REGION, AWS_DEFAULT_REGION. */
  readonly region: string
  /** AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. Null: what is public can be had without. */
  readonly credentials: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken: string | null
  } | null
}

/** From the variables that AWS's tools read. */
export function s3StoreOf(variables: Readonly<Record<string, string | undefined>>): S3Store {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = variables
  return {
    endpoint: variables['AWS_ENDPOINT_URL_S3'] ?? variables['AWS_ENDPOINT_URL'] ?? null,
    region: variables['AWS_REGION'] ?? variables['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    credentials:
      id && secret
        ? {
            accessKeyId: id,
            secretAccessKey: secret,
            sessionToken: variables['AWS_SESSION_TOKEN'] ?? null,
          }
        : null,
  }
}

const hint =
  'Check bucket and key; AWS_ENDPOINT_URL and AWS_REGION name the store, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY who may read it.'
const hints: Hints = { missing: hint, forbidden: hint }

/** Sizes and checksums of an object, or of all parts of a model that is split. */
export async function openS3(
  reference: S3Reference,
  store: S3Store,
  transfer: Transfer,
): Promise<ModelSource> {
  const { bucket, key } = reference
  const keys = partsOf(key)
  const downloads: Download[] = []
  for (const one of keys)
    downloads.push(await describe({ ...reference, key: one }, store, transfer))
  return {
    source: formatReference({ ...reference, key: keys[0] ?? key }),
    revision: downloads[0]?.validator ?? null,
    nameHint: stemOf(posix.basename(keys[0] ?? bucket)),
    downloads,
    unpack: null,
  }
}

async function describe(
  { bucket, key }: S3Reference,
  store: S3Store,
  transfer: Transfer,
): Promise<Download> {
  const url = urlOf(bucket, key, store)
  const authorise = signer(store)
  const what = `s3://${bucket}/${key}`
  const { headers } = await retrying(async () => {
    const asking = { 'x-amz-checksum-mode': 'ENABLED' }
    const answer = await send(url, { method: 'HEAD', headers: asking, authorise }, transfer)
    if (answer.status !== 200) await refuseStatus(answer, what, hints)
    await answer.body.dump()
    return answer
  }, transfer)
  const etag = headers.get('etag')
  return {
    url,
    token: null,
    authorise,
    hints,
    label: posix.basename(key),
    bytes: Number(headers.get('content-length')),
    checksum: checksumOf(headers),
    validator: etag?.startsWith('"') ? etag : null,
  }
}

/** Its SHA-256, or its MD5, which the ETag is where an object came in one piece and is not encrypted with a key. */
function checksumOf(headers: ReadonlyMap<string, string>): Checksum | null {
  const sha256 = /^[A-Za-z0-9+/]{43}=$/.exec(headers.get('x-amz-checksum-sha256') ?? '')?.[0]
  if (sha256 !== undefined)
    return { algorithm: 'sha256', hex: Buffer.from(sha256, 'base64').toString('hex') }
  const md5 = /^"([0-9a-f]{32})"$/.exec(headers.get('etag') ?? '')?.[1]
  const isKeyed =
    headers.has('x-amz-server-side-encryption-customer-algorithm') ||
    headers.get('x-amz-server-side-encryption')?.startsWith('aws:') === true
  return md5 === undefined || isKeyed ? null : { algorithm: 'md5', hex: md5 }
}

/** By path where the store is not AWS's own: few have a name for each bucket. */
function urlOf(bucket: string, key: string, { endpoint, region }: S3Store): string {
  const path = key.split('/').map(encodeURIComponent).join('/')
  if (endpoint === null)
    return bucket.includes('.')
      ? `https://s3.${region}.amazonaws.com/${bucket}/${path}`
      : `https://${bucket}.s3.${region}.amazonaws.com/${path}`
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? ''))
    throw new AppError('model/bad-reference', {
      message: `"${endpoint}" is no address of a server`,
      hint: 'Write AWS_ENDPOINT_URL like https://HOST.',
    })
  return `${endpoint.replace(/\/+$/, '')}/${bucket}/${path}`
}

/** Signature version 4. */
function signer({ credentials, region }: S3Store): Authorise | null {
  if (!credentials) return null
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  return async ({ method, url, headers }) => {
    const signed = await new AwsV4Signer({
      method,
      url: url.href,
      headers: { ...headers },
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === null ? {} : { sessionToken }),
      service: 's3',
      region,
    }).sign()
    return Object.fromEntries(signed.headers)
  }
}
