import { fork, spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { config } from '../../src/contract/config.ts'
import type { ChildMessage } from '../../src/contract/ipc.ts'
import { bootEnvironment } from '../../src/server/environment.ts'
import { nodeFlags } from '../../src/server/node-flags.ts'
import { createLimitAuthority, type Outgoing } from '../../src/gateway/policy/limit-authority.ts'

/** A proxy under test, on one core. */
export interface Contender {
  readonly name: string
  readonly url: string
  /** Everything whose CPU time and memory are its cost. */
  readonly pids: readonly number[]
  readonly headers: Readonly<Record<string, string>>
}

export const apiKey = 'bln_bench_key'
const model = 'bench'
const folder = mkdtempSync(join(tmpdir(), 'baleen-bench-gateway-'))
const children: ChildProcess[] = []

/** The proxy has a core of its own; load and upstream share the other. With `--unpinned` the kernel places all. */
const taskset = process.argv.includes('--unpinned') ? null : find('taskset')
export const onCore = (core: number, argv: readonly string[]): string[] =>
  taskset ? [taskset, '-c', `${core}`, ...argv] : [...argv]

export function close(): void {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
}

const here = (file: string) => join(import.meta.dirname, file)

async function start(argv: readonly string[], port: number): Promise<ChildProcess> {
  const [command, ...rest] = argv
  const child = spawn(command!, rest, { stdio: ['ignore', 'ignore', 'inherit'] })
  children.push(child)
  await listening(port)
  return child
}

export async function startUpstream(paceMs: number, frames: number): Promise<string> {
  const port = await freePort()
  const argv = [process.execPath, here('upstream.ts'), `${port}`, `${paceMs}`, `${frames}`]
  await start(onCore(1, argv), port)
  return `http://127.0.0.1:${port}`
}

export async function startBare(upstream: string): Promise<Contender> {
  const port = await freePort()
  const argv = [process.execPath, ...heapFlags, here('bare-pipe.ts'), upstream, `${port}`]
  const child = await start(onCore(0, argv), port)
  return {
    name: 'bare http + undici',
    url: `http://127.0.0.1:${port}`,
    pids: [child.pid!],
    headers: {},
  }
}

/** Both Node processes get the same: the supervisor's own choice for a gateway. */
const heapFlags = nodeFlags.gateway

/** The real process with keys, both limits and metering on, and this process as its supervisor. */
export async function startBaleen(upstream: string): Promise<Contender> {
  const port = await freePort()
  const directory = join(folder, `data-${port}`)
  for (const name of ['run', 'journal']) mkdirSync(join(directory, name), { recursive: true })
  writeFileSync(join(directory, 'run', 'snapshot.json'), JSON.stringify(snapshotFor(upstream)))
  const boot = {
    role: 'gateway' as const,
    index: 0,
    gateways: 1,
    dataDirectory: directory,
    config: config.parse({ gateway: { port } }),
    gatewayUrl: `http://127.0.0.1:${port}`,
  }
  const [command, ...rest] = onCore(0, [
    process.execPath,
    ...heapFlags,
    here('../../src/server/gateway-process.ts'),
  ])
  const child = fork(rest.at(-1)!, {
    execPath: command!,
    execArgv: rest.slice(0, -1),
    env: { ...process.env, ...bootEnvironment(boot) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  children.push(child)
  supervise(child)
  dropJournal(join(directory, 'journal'))
  await listening(port)
  return {
    name: 'baleen',
    url: `http://127.0.0.1:${port}`,
    pids: [child.pid!],
    headers: { authorization: `Bearer ${apiKey}` },
  }
}

function snapshotFor(upstream: string): object {
  return {
    version: 1,
    createdAtMs: Date.now(),
    keys: [
      {
        id: 'key_bench',
        hash: createHash('sha256').update(apiKey).digest('hex'),
        name: 'bench',
        routes: [model],
        requestsPerMinute: 1_000_000_000,
        tokensPerMinute: 1_000_000_000_000,
        expiresAtMs: null,
      },
    ],
    routes: [
      {
        name: model,
        task: 'generate',
        createdS: 1_700_000_000,
        targets: [
          {
            deployment: model,
            weight: 1,
            reason: '',
            replicas: [{ id: 'bench-1', url: upstream, servedName: null }],
          },
        ],
      },
    ],
  }
}

function supervise(child: ChildProcess): void {
  const authority = createLimitAuthority()
  const nowMs = () => performance.timeOrigin + performance.now()
  const deliver = (outgoing: Outgoing[]) => {
    for (const { message } of outgoing) if (child.connected) child.send(message)
  }
  child.on('message', (message: ChildMessage) => {
    if (message.type === 'limit-ask') deliver(authority.ask(0, message, nowMs()))
    if (message.type === 'limit-return') deliver(authority.giveBack(0, message, nowMs()))
  })
  setInterval(() => deliver(authority.tick(nowMs())), 50).unref()
}

/** As control does with what it has replayed: whole files go. */
function dropJournal(directory: string): void {
  setInterval(() => {
    const files = readdirSync(directory).map((name) => join(directory, name))
    const sequence = (path: string) => Number(/-(\d+)\.ndjson$/.exec(path)?.[1])
    const newest = Math.max(...files.map(sequence))
    for (const file of files) if (sequence(file) < newest) rmSync(file)
  }, 1000).unref()
}

export async function startNginx(upstream: string): Promise<Contender | null> {
  const binary = find('nginx')
  if (!binary) return null
  const port = await freePort()
  const path = join(folder, 'nginx.conf')
  writeFileSync(
    path,
    `worker_processes 1; daemon off; master_process off; pid ${folder}/nginx-${port}.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; client_max_body_size 16m; client_body_buffer_size 512k;
  keepalive_requests 1000000000;
  upstream engine { server ${new URL(upstream).host}; keepalive 512; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header connection ""; proxy_buffering off; } } }`,
  )
  const child = await start(onCore(0, [binary, '-c', path, '-p', folder]), port)
  return {
    name: 'nginx pass-through',
    url: `http://127.0.0.1:${port}`,
    pids: [child.pid!],
    headers: {},
  }
}

export async function startHaproxy(upstream: string): Promise<Contender | null> {
  const binary = find('haproxy')
  if (!binary) return null
  const port = await freePort()
  const path = join(folder, 'haproxy.cfg')
  writeFileSync(
    path,
    `global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  http-reuse always
  option http-no-delay
listen engine
  bind 127.0.0.1:${port}
  server one ${new URL(upstream).host} maxconn 4096
`,
  )
  const child = await start(onCore(0, [binary, '-db', '-f', path]), port)
  return {
    name: 'HAProxy pass-through',
    url: `http://127.0.0.1:${port}`,
    pids: [child.pid!],
    headers: {},
  }
}

/** `directory`: an npm install of `@portkey-ai/gateway` outside this repository. */
export async function startPortkey(upstream: string, directory: string): Promise<Contender> {
  const port = await freePort()
  const script = join(directory, 'node_modules/@portkey-ai/gateway/build/start-server.js')
  if (!existsSync(script)) throw new Error(`no @portkey-ai/gateway in ${directory}`)
  const child = await start(
    onCore(0, [process.execPath, ...heapFlags, script, `--port=${port}`, '--headless']),
    port,
  )
  return {
    name: 'Portkey gateway',
    url: `http://127.0.0.1:${port}`,
    pids: [child.pid!],
    headers: {
      authorization: 'Bearer none',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `${upstream}/v1`,
    },
  }
}

/** User and system time so far, in microseconds. Linux counts in ticks of 10 ms. */
export function cpuUs(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks * 10_000
}

export function rssMiB(pids: readonly number[]): number {
  let total = 0
  for (const pid of pids)
    total += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  return total / 1024
}

function find(name: string): string | null {
  const places = ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin']
  return places.map((place) => join(place, name)).find((path) => existsSync(path)) ?? null
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

async function listening(port: number): Promise<void> {
  const deadlineMs = performance.now() + 20_000
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(1000) })
      return
    } catch (thrown) {
      // An answer that takes long or makes no sense is an answer: somebody listens.
      const { code } = ((thrown as Error).cause ?? {}) as NodeJS.ErrnoException
      if (code !== 'ECONNREFUSED') return
      if (performance.now() > deadlineMs) throw thrown
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
