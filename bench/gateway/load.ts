import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onCore } from './contenders.ts'

export interface Load {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly connections: number
  readonly seconds: number
}

export interface LoadResult {
  readonly requests: number
  readonly requestsPerS: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
}

/** Runs wrk, which must be installed (`apt-get install wrk`): one thread, on the core of the upstream. */
export async function runWrk(load: Load): Promise<LoadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'baleen-bench-wrk-'))
  const script = join(folder, 'post.lua')
  const headers = { 'content-type': 'application/json', ...load.headers }
  writeFileSync(join(folder, 'body.json'), load.body)
  writeFileSync(
    script,
    `wrk.method = "POST"
wrk.body = io.open(${JSON.stringify(join(folder, 'body.json'))}):read("*a")
${Object.entries(headers)
  .map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`)
  .join('\n')}
done = function(summary, latency, requests)
  local errors = summary.errors
  print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
`,
  )
  const { connections, seconds, url } = load
  const argv = [
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '-s',
    script,
    `${url}/v1/chat/completions`,
  ]
  try {
    const [requests, us, p50Us, p99Us, failed] = /RESULT (\d+) (\d+) (\d+) (\d+) (\d+)/
      .exec(await run(onCore(1, argv)))!
      .slice(1)
      .map(Number) as [number, number, number, number, number]
    return {
      requests,
      requestsPerS: requests / (us / 1e6),
      p50Ms: p50Us / 1000,
      p99Ms: p99Us / 1000,
      failed,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Standard output of a command. */
export function run(argv: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const [command, ...rest] = argv
    const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${argv.join(' ')} ended with ${code}`)),
    )
  })
}
