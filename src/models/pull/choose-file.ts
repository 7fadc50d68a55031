import { AppError } from '../../core/errors.ts'

export interface ChosenFile {
  /** In order; several where the model is split. */
  readonly paths: readonly string[]
  /** For the person: why this one. */
  readonly reason: string
}

/** What to take where nobody said: small enough for most machines, then nearly lossless. */
const preferred = ['Q4_K_M', 'Q8_0']
const listedMax = 30

/**
 * Picks one model out of a repository's files. Errors: model/not-found where there is none, model/bad-reference
 * where several would do; both list what is there.
 */
export function chooseFile(
  repository: string,
  paths: readonly string[],
  quantisation: string | null,
): ChosenFile {
  const models = groupParts(paths.filter(isModel))
  if (models.length === 0)
    throw new AppError('model/not-found', {
      message: `${repository} has no GGUF file`,
      hint: 'Look for a repository of the same model whose name ends in -GGUF.',
    })
  if (quantisation !== null) {
    const found = only(models, quantisation)
    if (found) return { paths: found, reason: `${quantisation} of ${repository}` }
    throw ambiguous(repository, models, `has no single file for ${quantisation}`)
  }
  const [first] = models
  if (first && models.length === 1)
    return { paths: first, reason: `the only model in ${repository}` }
  for (const wanted of preferred) {
    const found = only(models, wanted)
    if (found)
      return {
        paths: found,
        reason: `${wanted} of the ${models.length} files in ${repository}; add :NAME for another`,
      }
  }
  throw ambiguous(repository, models, `has ${models.length} GGUF files`)
}

/** "Q4_K" is in "x-Q4_K.gguf", not in "x-Q4_K_M.gguf". */
export function hasQuantisation(path: string, quantisation: string): boolean {
  const escaped = quantisation.replaceAll(/\W/g, '\\$&')
  return new RegExp(`(^|[^a-z0-9])${escaped}([^a-z0-9_]|$)`, 'i').test(stemOf(path))
}

/** All parts of a split model when one of them is named, else the file alone. */
export function partsOf(path: string): readonly string[] {
  const [, stem, count] = partName.exec(path) ?? []
  const total = Number(count)
  if (stem === undefined || total < 1 || total > partsMax) return [path]
  return Array.from({ length: total }, (_, index) => partPath(stem, index, total))
}

/** llama.cpp finds the other parts by this form of name. */
export const partPath = (stem: string, index: number, count: number): string =>
  `${stem}-${String(index + 1).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`

/** "sub/x-00002-of-00003.gguf" → "sub/x", "x.gguf" → "x". */
export const stemOf = (path: string): string =>
  partName.exec(path)?.[1] ?? path.replace(/\.gguf$/i, '')

const partName = /^(.+)-\d{5}-of-(\d{5})\.gguf$/i
const partsMax = 512

/** Projectors and draft heads lie beside models and are none. */
const isModel = (path: string): boolean =>
  /\.gguf$/i.test(path) && !/(^|\/)(mmproj|mtp|imatrix)[-.]/i.test(path)

function groupParts(paths: readonly string[]): (readonly string[])[] {
  const groups = new Map<string, readonly string[]>()
  for (const path of paths.toSorted()) groups.set(stemOf(path), partsOf(path))
  return [...groups.values()]
}

function only(
  models: readonly (readonly string[])[],
  quantisation: string,
): readonly string[] | null {
  const found = models.filter(([first = '']) => hasQuantisation(first, quantisation))
  return found.length === 1 ? (found[0] ?? null) : null
}

function ambiguous(
  repository: string,
  models: readonly (readonly string[])[],
  problem: string,
): AppError {
  const names = models.map(([first = '']) => first)
  const more = names.length > listedMax ? ` and ${names.length - listedMax} more` : ''
  return new AppError('model/bad-reference', {
    message: `${repository} ${problem}: ${names.slice(0, listedMax).join(', ')}${more}`,
    hint: `Name one: hf:${repository}/${names[0]}`,
  })
}
