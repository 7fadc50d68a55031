import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { serialVariable } from '../../src/engines/embedded/flags.ts'
import {
  llamaServer,
  openAi,
  runBurst,
  type Burst,
  type BurstResult,
  type Dialect,
} from './load.ts'

/** One way to run a model, in a process of its own. */
export interface Contender {
  readonly name: string
  run(burst: Burst): Promise<BurstResult>
  /** Memory now, MiB. */
  rssMiB(): number
  stop(): void
}

export interface Setup {
  readonly model: string
  readonly sequences: number
  readonly contextTokens: number
  readonly batchTokens: number
  readonly threads: number
}

export async function startOurs(setup: Setup): Promise<Contender> {
  const port = await freePort()
  const program = fileURLToPath(new URL('../../src/engines/embedded/process.ts', import.meta.url))
  const flags = {
    model: setup.model,
    name: 'bench',
    task: 'generate',
    host: '127.0.0.1',
    port,
    'drain-ms': 0,
    'context-tokens': setup.contextTokens,
    'sequences-max': setup.sequences,
    'batch-tokens': setup.batchTokens,
    threads: setup.threads,
    gpu: 'off',
    'queue-max': 256,
  }
  const argv = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)])
  const child = spawn(process.execPath, [program, ...argv], {
    env: { ...process.env, [serialVariable]: '1' },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return overHttp('ours', child, port, openAi)
}

export async function startLibrary(setup: Setup): Promise<Contender> {
  const child = fork(fileURLToPath(new URL('library.ts', import.meta.url)), [
    setup.model,
    String(setup.sequences),
    String(setup.contextTokens),
    String(setup.batchTokens),
    String(setup.threads),
  ])
  await once(child, 'message')
  return {
    name: 'library',
    async run(burst) {
      child.send(burst)
      const [result] = (await once(child, 'message')) as [BurstResult]
      return result
    },
    ...common(child),
  }
}

export async function startLlamaServer(path: string, setup: Setup): Promise<Contender> {
  const port = await freePort()
  const child = spawn(
    path,
    Object.entries({
      '-m': setup.model,
      '--host': '127.0.0.1',
      '--port': port,
      '-t': setup.threads,
      '-np': setup.sequences,
      '-c': setup.sequences * setup.contextTokens,
      '-b': setup.batchTokens,
      '-ub': setup.batchTokens,
    }).flatMap(([flag, value]) => [flag, String(value)]),
    { stdio: 'ignore' },
  )
  return overHttp('llama-server', child, port, llamaServer)
}

async function overHttp(
  name: string,
  child: ChildProcess,
  port: number,
  dialect: Dialect,
): Promise<Contender> {
  const url = `http://127.0.0.1:${port}`
  const deadlineMs = performance.now() + 120_000
  for (;;) {
    const isReady = await fetch(`${url}/health`).then(
      (response) => response.status === 200,
      () => false,
    )
    if (isReady) break
    if (child.exitCode !== null || performance.now() > deadlineMs)
      throw new Error(`${name} did not start`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { name, run: (burst) => runBurst(url, dialect, burst), ...common(child) }
}

function common(child: ChildProcess): Pick<Contender, 'rssMiB' | 'stop'> {
  return {
    rssMiB() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
    },
    stop: () => void child.kill('SIGKILL'),
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
