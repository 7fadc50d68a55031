import { dirname } from 'node:path'

/** Where a container has the directory of models, so that the engine finds its own under `path`. */
export function modelsPath(path: string): string {
  const parent = dirname(path)
  return parent === '/' ? path : parent
}
