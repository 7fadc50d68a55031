import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { serialVariable } from '../../../src/engines/embedded/flags.ts'

/** An engine on this machine, in a process of its own. */
export interface Server {
  readonly url: string
  stop(): Promise<void>
}

export interface EmbeddedSettings {
  readonly sequencesMax?: number
  readonly batchTokens?: number
  readonly contextTokens?: number
}

/** Baleen's engine: what is left out stays at its default. */
export async function startEmbedded(
  model: string,
  threads: number,
  settings: EmbeddedSettings,
): Promise<Server> {
  const port = await freePort()
  const program = fileURLToPath(
    new URL('../../../src/engines/embedded/process.ts', import.meta.url),
  )
  const flags = {
    model,
    name: 'bench',
    task: 'generate',
    host: '127.0.0.1',
    port,
    'drain-ms': 0,
    threads,
    gpu: 'off',
    'queue-max': 256,
    'sequences-max': settings.sequencesMax ?? 8,
    'batch-tokens': settings.batchTokens ?? 512,
    'context-tokens': settings.contextTokens ?? 'auto',
  }
  const argv = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)])
  const child = spawn(process.execPath, [program, ...argv], {
    env: { ...process.env, [serialVariable]: '1' },
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  })
  return ready(child, port)
}

/** llama.cpp's own, with nothing set but the threads. */
export async function startLlamaServer(
  program: string,
  model: string,
  threads: number,
): Promise<Server> {
  const port = await freePort()
  const argv = ['-m', model, '--host', '127.0.0.1', '--port', port, '-t', threads, '-tb', threads]
  const child = spawn(program, argv.map(String), { stdio: 'ignore', detached: true })
  return ready(child, port)
}

async function ready(child: ChildProcess, port: number): Promise<Server> {
  const url = `http://127.0.0.1:${port}`
  const deadlineMs = performance.now() + 90_000
  for (;;) {
    const isReady = await fetch(`${url}/health`).then(
      ({ status }) => status === 200,
      () => false,
    )
    if (isReady) break
    if (child.exitCode !== null || performance.now() > deadlineMs)
      throw new Error(`the server on port ${port} did not start`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return {
    url: `${url}/v1`,
    async stop() {
      const ended = once(child, 'exit')
      // The whole group: llama-server has a child that outlives it.
      process.kill(-child.pid!, 'SIGKILL')
      await ended
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
