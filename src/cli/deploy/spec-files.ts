import { statSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import { specsFromYaml } from '../deployment-spec.ts'
import type { Io } from '../io.ts'
import { readText } from '../read-text.ts'

/** Deployments of a file, of all YAML files of a directory in the order of their names, or of stdin (`-`). */
export async function readSpecs(file: string, io: Io): Promise<readonly DeploymentSpec[]> {
  const specs: DeploymentSpec[] = []
  for (const { path, text } of await textsOf(file, io)) specs.push(...specsFromYaml(text, path))
  const names = specs.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined)
    throw new AppError('config/invalid', {
      message: `${file}: "${twice}" is described twice`,
      hint: 'Give each deployment a name of its own.',
    })
  return specs.map((spec) => ({ ...spec, model: absoluteModel(spec.model, io) }))
}

/** Control has another working directory. */
export const absoluteModel = (model: string, io: Io): string =>
  /^\.{0,2}\//.test(model) || (/\.gguf$/i.test(model) && !/^[a-z][a-z0-9]*:/.test(model))
    ? resolve(io.workingDirectory, model)
    : model

interface Text {
  readonly path: string
  readonly text: string
}

async function textsOf(file: string, io: Io): Promise<readonly Text[]> {
  const path = resolve(io.workingDirectory, file)
  const isDirectory = file !== '-' && statSync(path, { throwIfNoEntry: false })?.isDirectory()
  return isDirectory ? filesIn(file, path) : [{ path: file, text: await readText(file, io) }]
}

async function filesIn(file: string, path: string): Promise<readonly Text[]> {
  const names = (await readdir(path)).filter((name) => /\.ya?ml$/.test(name)).toSorted()
  if (names.length === 0)
    throw new AppError('config/unreadable', {
      message: `${file} has no YAML files`,
      hint: 'Name a file, or a directory with files that end with .yaml.',
    })
  return Promise.all(
    names.map(async (name) => ({
      path: join(file, name),
      text: await readFile(join(path, name), 'utf8'),
    })),
  )
}
