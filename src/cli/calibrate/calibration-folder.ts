import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { calibrationFile, type CalibrationFile } from '../../contract/calibration.ts'
import type { Calibration } from '../../core/engine-model.ts'
import { AppError } from '../../core/errors.ts'

/** `calibrations/` of the data directory: one file for each engine, model, precision, device and version. */
export interface CalibrationFolder {
  /** Newest last. A file that is none is named in `unreadable`. */
  list(): { readonly files: readonly CalibrationFile[]; readonly unreadable: readonly string[] }
  get(name: string): CalibrationFile
  /** Written whole or not at all; replaces the one of the same name. */
  save(file: CalibrationFile): void
  remove(name: string): void
}

export function createCalibrationFolder(dataDirectory: string): CalibrationFolder {
  const root = join(dataDirectory, 'calibrations')
  const pathOf = (name: string) => join(root, `${name}.json`)

  function named(name: string): string {
    if (/^[a-z0-9][a-z0-9.-]*$/.test(name) && existsSync(pathOf(name))) return pathOf(name)
    throw new AppError('planner/calibration-not-found', {
      message: `there is no calibration "${name}"`,
    })
  }
  return {
    list() {
      const unreadable: string[] = []
      const names = existsSync(root)
        ? readdirSync(root).filter((name) => name.endsWith('.json'))
        : []
      const files = names.flatMap((name) => {
        try {
          return [readCalibrationFile(join(root, name))]
        } catch {
          unreadable.push(join(root, name))
          return []
        }
      })
      return {
        files: files.sort((a, b) => a.createdAt.localeCompare(b.createdAt)),
        unreadable,
      }
    },
    get: (name) => readCalibrationFile(named(name)),
    save(file) {
      mkdirSync(root, { recursive: true, mode: 0o700 })
      const path = pathOf(file.name)
      writeFileSync(`${path}.part`, `${JSON.stringify(file, null, 1)}\n`, { mode: 0o600 })
      renameSync(`${path}.part`, path)
    },
    remove: (name) => rmSync(named(name)),
  }
}

/** One that was exported. Errors: `planner/bad-calibration`. */
export function readCalibrationFile(path: string): CalibrationFile {
  try {
    return calibrationFile.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new AppError('planner/bad-calibration', { message: `${path} is no calibration`, cause })
  }
}

/** What the planner takes. */
export const calibrationOf = ({ calibration }: CalibrationFile): Calibration =>
  calibration as unknown as Calibration

/** `vllm-0.15-llama-3.1-8b-instruct-fp8-h100-sxm-80gb` */
export const calibrationName = ({ engine, version, model, weights, device }: Calibration): string =>
  [engine, version, model, weights, device]
    .map((part) =>
      part
        .toLowerCase()
        .replace(/[^a-z0-9.]+/g, '-')
        .replace(/^[-.]+|[-.]+$/g, ''),
    )
    .filter((part) => part !== '')
    .join('-')
    .slice(0, 200)
