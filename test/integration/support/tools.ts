import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** What was built or installed once is kept here, by a hash of what it was made from. */
const cache =
  process.env['BALEEN_INTEGRATION_CACHE'] ?? join(homedir(), '.cache', 'baleen-integration')

/** A path in the cache that `make` fills the first time; made beside it and renamed, so that half of it never counts. */
export function cached(name: string, from: string, make: (path: string) => void): string {
  const path = cachedPath(name, from)
  if (existsSync(path)) return path
  mkdirSync(cache, { recursive: true })
  const making = `${path}.making-${process.pid}`
  rmSync(making, { recursive: true, force: true })
  make(making)
  renameSync(making, path)
  return path
}

export const isCached = (name: string, from: string): boolean => existsSync(cachedPath(name, from))

function cachedPath(name: string, from: string): string {
  const key = createHash('sha256').update(from).digest('hex').slice(0, 12)
  return join(cache, `${name}-${key}`)
}

export function has(command: string): boolean {
  try {
    execFileSync('which', [command], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Installs a Debian package where that is possible. Tells whether the command is there now. */
export function need(command: string, debianPackage: string): boolean {
  if (has(command)) return true
  if (process.getuid?.() !== 0 || !has('apt-get')) return false
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const options = { env, stdio: 'ignore', timeout: 300_000 } as const
    execFileSync('apt-get', ['update', '-qq'], options)
    const words = ['install', '-y', '-qq', '--no-install-recommends', debianPackage]
    execFileSync('apt-get', words, options)
  } catch {
    return false
  }
  return has(command)
}

export interface Daemon {
  readonly process: ChildProcess
  readonly logPath: string
  stop(): Promise<void>
  /** As a crash. */
  kill(): Promise<void>
}

const stopMs = 5000

export function startDaemon(
  logPath: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Daemon {
  const [command = '', ...rest] = argv
  const log = openSync(logPath, 'a')
  const child = spawn(command, rest, {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...env },
  })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  return {
    process: child,
    logPath,
    async stop() {
      child.kill('SIGTERM')
      const killer = setTimeout(() => child.kill('SIGKILL'), stopMs)
      await ended
      clearTimeout(killer)
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Waits until it holds; else tells the end of the daemons' logs. */
export async function until(
  what: string,
  check: () => Promise<boolean>,
  daemons: readonly Daemon[] = [],
  withinMs = 60_000,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs
  while (!(await check().catch(() => false))) {
    if (performance.now() > deadlineMs) {
      const ends = daemons.map((one) => readFileSync(one.logPath, 'utf8').slice(-1500))
      throw new Error(`${what} did not come about in ${withinMs} ms\n${ends.join('\n---\n')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

export function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const server = createServer()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resolve(port))
  })
  return promise
}

/** Text of all files of a folder, for a key of the cache. */
export const textOf = (folder: string): string =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(folder, entry.name), 'utf8'))
    .join('\n')
