/**
 * From `deploy` to the first token, beyond what the engine itself needs to load: the change sent → its process started,
 * and model loaded → first token at a client that asked as soon as the deployment was accepted and was held meanwhile.
 * Supervisor, control, gateway and embedded engine are the real ones. Every other round starts the same engine by hand
 * and asks it the moment it says that it has loaded: what nothing in front of it can go below.
 * `node bench/deployer/first-token.ts [--rounds 20]`
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createInterface } from 'node:readline'
import { serialVariable } from '../../src/engines/embedded/flags.ts'
import { freePort, serve, until, type Serving } from '../../test/e2e/serving.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' } } })
const spec = {
  name: 'first',
  model: 'bundled:minimind2-small',
  settings: { threads: 1, contextTokens: 512 },
}

/** Parts of one start, ms. Those with a `+` make up what the bar is for. */
interface Start {
  /** + The change is sent, checked, stored, placed; the process is spawned. */
  readonly started: number
  /** The engine's own time. */
  readonly load: number
  /** + Until control has seen it ready and has had a token of it. */
  readonly seen: number
  /** + Until the gateway knows, and a first token has reached the client. */
  readonly token: number
}

const now = (): number => performance.timeOrigin + performance.now()

async function firstTokenMs(url: string, key: string): Promise<number> {
  const abort = new AbortController()
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: spec.name,
      stream: true,
      max_tokens: 4,
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
    }),
    signal: abort.signal,
  })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  let text = ''
  for await (const chunk of response.body!) {
    text += Buffer.from(chunk as Uint8Array).toString()
    if (/"content":"[^"]/.test(text)) break
  }
  return now()
}

/** When a line of a JSON log with that message was written. */
const toldAtMs = (file: string, isIt: (line: Record<string, unknown>) => boolean): number => {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  const line = lines.map((text) => JSON.parse(text) as Record<string, unknown>).findLast(isIt)
  if (!line) throw new Error(`no such line in ${file}`)
  const { time } = line
  return typeof time === 'number' ? time : Date.parse(String(time))
}

async function deployed(serving: Serving): Promise<{ start: Start; command: readonly string[] }> {
  const sentMs = now()
  const accepted = await serving.api('PUT', `/deployments/${spec.name}`, spec)
  if (!accepted.ok) throw new Error(await accepted.text())
  await accepted.json()
  const tokenMs = await firstTokenMs(serving.url, serving.key)
  const view = (await (await serving.api('GET', `/deployments/${spec.name}`)).json()) as {
    replicas: { id: string; pid: number; startedAtMs: number }[]
  }
  const [replica] = view.replicas
  const logs = join(serving.dataDirectory, 'logs')
  const { id, pid, startedAtMs } = replica!
  const loadedMs = toldAtMs(join(logs, 'replicas', `${id}.log`), ({ msg }) => msg === 'ready')
  const seenMs = toldAtMs(
    join(logs, 'control.log'),
    (line) => line['replica'] === id && line['health'] === 'ready',
  )
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  await serving.api('DELETE', `/deployments/${spec.name}`)
  await until('its engine has ended', () => serving.pids('replica').length === 0)
  return {
    command,
    start: {
      started: startedAtMs - sentMs,
      load: loadedMs - startedAtMs,
      seen: seenMs - loadedMs,
      token: tokenMs - seenMs,
    },
  }
}

async function alone([program = '', ...rest]: readonly string[]): Promise<Start> {
  const port = await freePort()
  const argv = rest.with(rest.indexOf('--port') + 1, String(port))
  const startedMs = now()
  const child = spawn(program, argv, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], [serialVariable]: '1' },
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const { msg, time } = JSON.parse(line) as { msg: string; time: number }
      if (msg !== 'ready') continue
      const tokenMs = await firstTokenMs(`http://127.0.0.1:${port}`, '')
      return { started: 0, load: time - startedMs, seen: 0, token: tokenMs - time }
    }
    throw new Error('the engine ended by itself')
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

const quantile = (figures: readonly number[], share: number): number =>
  figures.toSorted((a, b) => a - b)[Math.ceil(share * figures.length) - 1]!

const beyond = ({ started, seen, token }: Start): number => started + seen + token

function told(what: string, figures: readonly number[]): void {
  const at = (share: number) => quantile(figures, share).toFixed(0).padStart(6)
  console.log(`${what.padEnd(44)}${at(0.5)}${at(0.95)}${at(1)}`)
}

const serving = await serve({ config: { deployments: [] } })
try {
  const rounds: { here: Start; alone: Start }[] = []
  // The first one makes the model and fills caches: it is not counted.
  const { command } = await deployed(serving)
  for (let round = 0; round < Number(values.rounds); round++)
    rounds.push({ here: (await deployed(serving)).start, alone: await alone(command) })
  const [load] = loadavg()
  console.log(
    `${rounds.length} rounds, ${availableParallelism()} cores, load average ${load?.toFixed(1)}`,
  )
  console.log(`${'ms'.padEnd(44)}   p50   p95  most`)
  const here = rounds.map((one) => one.here)
  const parts = {
    '  change sent → process started': 'started',
    "  (the engine's own start and load)": 'load',
    '  loaded → control has had a token': 'seen',
    '  → first token at the client': 'token',
  } as const
  for (const [what, part] of Object.entries(parts))
    told(
      what,
      here.map((one) => one[part]),
    )
  told('beyond the load, bar 300', here.map(beyond))
  told('the engine alone: loaded → first token', rounds.map((one) => one.alone).map(beyond))
} finally {
  await serving.close()
}
