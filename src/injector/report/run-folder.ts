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
import { injectionReport, type InjectionReport } from '../../contract/injection.ts'
import { injectionSpec, type InjectionSpec } from '../../contract/injection-spec.ts'
import { AppError } from '../../core/errors.ts'
import { createSuffix } from '../../core/id.ts'

/** `runs/` of the data directory: one folder a run, named by its start so that names sort by time. */
export interface RunFolder {
  create(nowMs: number): string
  /** Where a run keeps its files. */
  pathOf(id: string): string
  /** Written whole or not at all. */
  write(id: string, file: string, text: string): void
  report(id: string): InjectionReport
  /** Of a run that may have been killed before it had a report. Error: `injection/not-found`. */
  spec(id: string): InjectionSpec
  remove(id: string): void
  /** Where all runs are. */
  readonly root: string
}

export function createRunFolder(dataDirectory: string): RunFolder {
  const root = join(dataDirectory, 'runs')
  const pathOf = (id: string) => join(root, id)

  function read(id: string, file: string): unknown {
    try {
      return JSON.parse(readFileSync(join(pathOf(id), file), 'utf8'))
    } catch (cause) {
      throw new AppError('injection/not-found', {
        message: `there is no ${file} of run "${id}"`,
        cause,
      })
    }
  }
  return {
    pathOf,
    root,
    create(nowMs) {
      const stamp = new Date(nowMs)
        .toISOString()
        .slice(0, 19)
        .replaceAll(/[-:]/g, '')
        .replace('T', '-')
      const id = `${stamp}-${createSuffix(4)}`
      mkdirSync(pathOf(id), { recursive: true, mode: 0o700 })
      return id
    },
    write(id, file, text) {
      const path = join(pathOf(id), file)
      writeFileSync(`${path}.part`, text, { mode: 0o600 })
      renameSync(`${path}.part`, path)
    },
    report: (id) => injectionReport.parse(read(named(id, 'report.json'), 'report.json')),
    spec: (id) => injectionSpec.parse(read(named(id, 'spec.json'), 'spec.json')),
    remove: (id) => rmSync(pathOf(named(id, '')), { recursive: true, force: true }),
  }

  function ids(file: string): string[] {
    if (!existsSync(root)) return []
    return readdirSync(root)
      .sort()
      .filter((id) => existsSync(join(root, id, file)))
  }

  /** `last`, or the id itself; nothing that leads out of the folder. */
  function named(id: string, file: string): string {
    if (id === 'last') {
      const last = ids(file).at(-1)
      if (last !== undefined) return last
    }
    if (/^[\w-]+$/.test(id)) return id
    throw new AppError('injection/not-found', { message: `there is no run "${id}"` })
  }
}
