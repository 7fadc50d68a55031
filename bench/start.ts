/**
 * How long `npm start` takes until the gateway answers and until the first token, on an installed checkout: first
 * start (models are converted) and later starts. `node bench/start.ts [--rounds 5]`. The install itself is not in it.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const root = join(import.meta.dirname, '..')
const port = 18_080
const dataDirectory = mkdtempSync(join(tmpdir(), 'baleen-start-'))
const configFile = join(dataDirectory, 'config.yaml')
writeFileSync(configFile, stringify({ gateway: { port }, control: { port: 0 } }))

let key = ''
const later: { healthS: number; tokenS: number }[] = []
try {
  const first = await start()
  console.log(
    `first start: gateway ${first.healthS.toFixed(2)} s, first token ${first.tokenS.toFixed(2)} s`,
  )
  for (let round = 0; round < Number(values.rounds); round++) later.push(await start())
  const median = (figures: number[]) =>
    figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)]!
  const spread = (figures: number[]) =>
    `${Math.min(...figures).toFixed(2)}–${Math.max(...figures).toFixed(2)}`
  for (const name of ['healthS', 'tokenS'] as const) {
    const figures = later.map((round) => round[name])
    const what = name === 'healthS' ? 'gateway' : 'first token'
    console.log(
      `later starts: ${what} ${median(figures).toFixed(2)} s (${spread(figures)}, n=${figures.length})`,
    )
  }
} finally {
  rmSync(dataDirectory, { recursive: true, force: true })
}

async function start(): Promise<{ healthS: number; tokenS: number }> {
  const startedAtMs = performance.now()
  const child = spawn('npm', ['start', '--', '--data', dataDirectory, '--config', configFile], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  const read = (chunk: Buffer) =>
    (key ||= /bln_[A-Za-z0-9_-]{16,}/.exec(chunk.toString())?.[0] ?? '')
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const since = () => (performance.now() - startedAtMs) / 1000
  try {
    await poll(async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok)
    const healthS = since()
    await poll(async () => key !== '' && (await firstToken()))
    return { healthS, tokenS: since() }
  } finally {
    process.kill(-child.pid!, 'SIGTERM')
    await ended
  }
}

async function firstToken(): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'minimind2-small',
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      max_tokens: 1,
    }),
  })
  await response.text()
  return response.status === 200
}

async function poll(isTrue: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 120_000
  while (!(await isTrue().catch(() => false))) {
    if (performance.now() > deadlineMs) throw new Error('not up after 120 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
