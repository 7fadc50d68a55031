import { hasQuantisation, partsOf } from './pull/choose-file.ts'
import { openUrl } from './pull/url.ts'
import {
  formatReference,
  type HubReference,
  type ModelReference,
  type NpmReference,
  parseReference,
} from './reference.ts'

/** Whether a reference, which may leave things open, means the model that was pulled from `source`. */
export function isMeant(reference: ModelReference, source: string): boolean {
  if (sourceOf(reference) === source) return true
  if (!/^(hf|npm):/.test(source)) return false
  const pulled = parseReference(source)
  if (reference.kind === 'hub' && pulled.kind === 'hub') return isHubMeant(reference, pulled)
  if (reference.kind === 'npm' && pulled.kind === 'npm') return areAllMeant(reference, pulled)
  return false
}

/** What a pull would call it, as far as that can be told without asking: a split model goes by its first part. */
function sourceOf(reference: ModelReference): string {
  switch (reference.kind) {
    case 'url':
      return openUrl(reference.url).source
    case 's3':
      return formatReference({ ...reference, key: firstPart(reference.key) })
    default:
      return formatReference(reference)
  }
}

const firstPart = (path: string): string => partsOf(path)[0] ?? path

const isHubMeant = (reference: HubReference, pulled: HubReference): boolean =>
  reference.repository === pulled.repository &&
  reference.revision === pulled.revision &&
  (reference.file === null || firstPart(reference.file) === pulled.file) &&
  (reference.quantisation === null || hasQuantisation(pulled.file ?? '', reference.quantisation))

const areAllMeant = (reference: NpmReference, pulled: NpmReference): boolean =>
  reference.packages.length === pulled.packages.length &&
  reference.packages.every(({ name, version }, index) => {
    const other = pulled.packages[index]
    return name === other?.name && (isOpen(version) || version === other.version)
  })

/** A tag may have meant any version. */
const isOpen = (version: string | null): boolean => version === null || !/^\d/.test(version)
