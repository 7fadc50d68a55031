import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { stringify } from 'yaml'
import type { ConfigInput } from '../../src/contract/config.ts'

export const root = join(import.meta.dirname, '../..')
/** Shared by all runs, so that the bundled models are converted once. */
export const modelsDirectory = join(root, 'node_modules/.cache/baleen/models')

export interface ServeOptions {
  readonly config?: ConfigInput
  /** Start again on what an earlier run left. */
  readonly dataDirectory?: string
  readonly port?: number
  /** Beside this process's own. */
  readonly environment?: Readonly<Record<string, string>>
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Serving {
  readonly url: string
  readonly port: number
  /** Made on first start. Empty where the data directory already had one. */
  readonly key: string
  readonly dataDirectory: string
  readonly supervisor: ChildProcess
  /** Everything the person at the terminal has seen. */
  terminal(): string
  openai(key?: string): OpenAI
  /** Live processes of this data directory by role. */
  pids(role: 'gateway' | 'control' | 'replica'): number[]
  /** A request to control's API as the CLI of this machine makes it. */
  api(method: string, path: string, body?: unknown): Promise<Response>
  /** Runs a command of the program against this Baleen, in a process of its own. Input is not a terminal. */
  baleen(...argv: readonly string[]): Promise<Ran>
  /** SIGTERM, and wait until nothing is left. */
  stop(): Promise<void>
  /** Stop, and remove the data directory. */
  close(): Promise<void>
}

/** Starts the real program as a person would, and waits until the gateway answers. */
export async function serve(options: ServeOptions = {}): Promise<Serving> {
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), 'baleen e2e '))
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  const configFile = join(dataDirectory, 'config.yaml')
  const config = {
    ...options.config,
    gateway: { port, ...options.config?.gateway },
    control: { port: 0 },
    models: { directory: modelsDirectory, ...options.config?.models },
  }
  writeFileSync(configFile, stringify(config))
  const supervisor = spawn(
    process.execPath,
    [join(root, 'src/main.ts'), 'serve', '--data', dataDirectory, '--config', configFile],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.environment },
    },
  )
  let seen = ''
  supervisor.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
  supervisor.stderr.on('data', (chunk: Buffer) => (seen += chunk.toString()))
  const key = () => /bln_[A-Za-z0-9_-]{16,}/.exec(seen)?.[0] ?? ''

  await until('the gateway answers', async () => {
    if (supervisor.exitCode !== null) return true
    // A gateway of the supervisor before this one may still answer: it is up once it says so itself.
    if (!seen.includes(`${url}/v1`)) return false
    const { status } = await fetch(`${url}/health`)
    return status === 200
  })
  if (supervisor.exitCode !== null) throw new Error(`serve ended:\n${seen}`)
  if (!options.dataDirectory) await until('the key is printed', () => key() !== '')

  const serving: Serving = {
    url,
    port,
    get key() {
      return key()
    },
    dataDirectory,
    supervisor,
    terminal: () => seen,
    openai: (apiKey) =>
      new OpenAI({ baseURL: `${url}/v1`, apiKey: apiKey ?? key(), maxRetries: 0, timeout: 60_000 }),
    pids: (role) => pids(dataDirectory, role),
    async api(method, path, body) {
      const record = JSON.parse(readFileSync(join(dataDirectory, 'run/control.json'), 'utf8'))
      const token = readFileSync(join(dataDirectory, 'admin.token'), 'utf8').trim()
      return fetch(`${record.url}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    },
    baleen: (...argv) => runProgram([...argv, '--data', dataDirectory]),
    async stop() {
      if (supervisor.exitCode === null && supervisor.signalCode === null) supervisor.kill('SIGTERM')
      await until('every process has ended', () => {
        return supervisor.exitCode !== null || supervisor.signalCode !== null
          ? allPids(dataDirectory).length === 0
          : false
      })
    },
    async close() {
      await serving.stop()
      rmSync(dataDirectory, { recursive: true, force: true })
    },
  }
  return serving
}

async function runProgram(argv: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

/** Polls until true; an exception counts as "not yet" and is told at the end. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      if (await isTrue()) return
      last = undefined
    } catch (thrown) {
      last = thrown
    }
    if (Date.now() > deadlineMs)
      throw new Error(`still not so after ${timeoutMs} ms: ${what}`, { cause: last })
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Pids whose environment names the data directory. */
function allPids(dataDirectory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => environment(pid).includes(`BALEEN_DATA=${dataDirectory}`))
    .map(Number)
}

function pids(dataDirectory: string, role: 'gateway' | 'control' | 'replica'): number[] {
  return allPids(dataDirectory).filter((pid) => {
    const entries = environment(String(pid))
    return role === 'replica'
      ? entries.some((entry) => entry.startsWith('BALEEN_REPLICA='))
      : entries.includes(`BALEEN_ROLE=${role}`)
  })
}

function environment(pid: string): string[] {
  const file = `/proc/${pid}/environ`
  try {
    return existsSync(file) ? readFileSync(file, 'utf8').split('\0') : []
  } catch {
    return []
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
