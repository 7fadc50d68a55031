import { existsSync, mkdirSync, realpathSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { AppError } from '../core/errors.ts'
import { formatBytes } from '../core/units.ts'
import type { Environment } from './environment.ts'

/** Below this a database can't be promised to work. */
export const freeBytesMin = 64 * 2 ** 20

/** Flag, then `BALEEN_DATA`, then the config file, then the platform's place for data. */
export function dataDirectoryOf(
  environment: Environment,
  chosen: { flag?: string | undefined; config?: string | undefined },
): string {
  const named = chosen.flag ?? environment.data ?? chosen.config
  if (named !== undefined) return resolve(expandHome(named, environment.home))
  const base = environment.xdgDataHome ?? ''
  return join(isAbsolute(base) ? base : join(environment.home, '.local', 'share'), 'baleen')
}

/**
 * Creates the directory and its folders, readable by this user only, and proves that it can be written.
 * Returns its real path, so that two ways of writing it name one directory.
 * Errors: `machine/data-unwritable`, `machine/disk-full`.
 */
export function prepareDataDirectory(directory: string): string {
  try {
    makeDirectory(directory)
    const real = realpathSync(directory)
    for (const folder of ['run', 'journal', 'logs', 'models']) makeDirectory(join(real, folder))
    const probe = join(real, 'run', `.probe-${process.pid}`)
    writeFileSync(probe, 'x')
    rmSync(probe)
    const free = freeBytesOf(real)
    if (free < freeBytesMin)
      throw new AppError('machine/disk-full', {
        message: `${formatBytes(free)} free in ${real}, ${formatBytes(freeBytesMin)} needed`,
      })
    return real
  } catch (thrown) {
    throw asDirectoryError(thrown, directory)
  }
}

export function freeBytesOf(directory: string): number {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize
}

/** As `mkdir -p`. Node's own `recursive` never returns where a parent exists and can't hold a directory: /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return
  const parent = dirname(path)
  if (parent !== path) makeDirectory(parent)
  mkdirSync(path, { mode: 0o700 })
}

function asDirectoryError(thrown: unknown, directory: string): unknown {
  const { code, message } = thrown as NodeJS.ErrnoException
  if (thrown instanceof AppError) return thrown
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError('machine/disk-full', {
      message: `no space left in ${directory}`,
      cause: thrown,
    })
  return new AppError('machine/data-unwritable', {
    message: `can't write to the data directory ${directory}: ${message}`,
    cause: thrown,
  })
}

/** `~/x` below the home directory. */
export const expandHome = (path: string, home: string): string =>
  path === '~' || path.startsWith('~/') ? join(home, path.slice(1)) : path
