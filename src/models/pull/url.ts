import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { partsOf, stemOf } from './choose-file.ts'
import type { Download } from './download.ts'
import type { ModelSource } from './source.ts'

/** A model behind a plain URL, or all parts of it where the URL names one. */
export function openUrl(text: string): ModelSource {
  const parts = partsOf(new URL(text).pathname)
  const files = parts.map((path): Download => {
    const url = new URL(text)
    if (parts.length > 1) url.pathname = path
    return {
      url: url.href,
      token: null,
      label: fileOf(path),
      bytes: null,
      checksum: null,
    }
  })
  return {
    source: withoutSecrets(new URL(files[0]?.url ?? text)),
    revision: null,
    nameHint: stemOf(fileOf(parts[0] ?? '')),
    downloads: files,
    unpack: null,
  }
}

const fileOf = (path: string): string => decodeURIComponent(posix.basename(path))

/** Queries can hold signatures, which have no place in a record: a digest tells them apart as well. */
function withoutSecrets(url: URL): string {
  if (!url.search) return url.href
  const digest = createHash('sha256').update(url.search).digest('hex').slice(0, 12)
  return `${url.origin}${url.pathname}?${digest}`
}
