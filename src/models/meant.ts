import { hasQuantisation } from './pull/choose-file.ts'
import {
  formatReference,
  type HubReference,
  type ModelReference,
  type NpmReference,
  parseReference,
} from './reference.ts'

/** Whether a reference, which may leave things open, means the model that was pulled from `source`. */
export function isMeant(reference: ModelReference, source: string): boolean {
  if (formatReference(reference) === source) return true
  if (!/^(hf|npm):/.test(source)) return false
  const pulled = parseReference(source)
  if (reference.kind === 'hub' && pulled.kind === 'hub') return isHubMeant(reference, pulled)
  if (reference.kind === 'npm' && pulled.kind === 'npm') return areAllMeant(reference, pulled)
  return false
}

const isHubMeant = (reference: HubReference, pulled: HubReference): boolean =>
  reference.repository === pulled.repository &&
  reference.revision === pulled.revision &&
  (reference.file === null || reference.file === pulled.file) &&
  (reference.quantisation === null || hasQuantisation(pulled.file ?? '', reference.quantisation))

const areAllMeant = (reference: NpmReference, pulled: NpmReference): boolean =>
  reference.packages.length === pulled.packages.length &&
  reference.packages.every(({ name, version }, index) => {
    const other = pulled.packages[index]
    return name === other?.name && (version === null || version === other.version)
  })
