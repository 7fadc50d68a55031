/**
 * Minutes of load under a fault plan against the embedded engine, and then everything that the report says held
 * against what the server wrote down itself: `node bench/injector/endurance.ts [--minutes 30] [--rate 2] [--slot 45]`.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import type { InjectionReport } from '../../src/contract/injection.ts'
import { parseTable } from './endurance/requests-table.ts'
import { agreement } from './endurance/agreement.ts'
import type { ControlEvent, CounterReading, ServerRecord } from './endurance/evidence.ts'
import { makePlan, planFile } from './endurance/plan.ts'
import { root, serve, until, type Serving } from '../../test/e2e/serving.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '2' },
    /** Seconds from one fault to the next. */
    slot: { type: 'string', default: '45' },
    /** Keeps the evidence. */
    out: { type: 'string' },
  },
})
const durationS = Math.round(Number(values.minutes) * 60)
const model = 'minimind2-small'

const serving = await serve({ config: { gateway: { processes: 2 } } })
try {
  await untilReady(serving)
  const plan = makePlan(durationS, Number(values.slot), model)
  const planPath = join(serving.dataDirectory, 'faults.yaml')
  writeFileSync(planPath, stringify(planFile(plan)))
  const before = await readCounters(serving)
  console.log(`${plan.length} faults in ${durationS} s at ${values.rate} requests/s`)

  // A gateway that is killed takes its counters along: they are read just before.
  const killAtS = plan.find(({ name }) => name.startsWith('kill-gateway'))!.atS
  let counters: CounterReading | null = null
  const reading = setTimeout(
    () => void readCounters(serving).then((after) => (counters = change(before, after))),
    (killAtS - 3) * 1000,
  )
  const report = await inject(serving, planPath)
  clearTimeout(reading)
  const runFolder = join(serving.dataDirectory, 'runs', report.id)
  await serving.stop()

  const evidence = {
    report,
    plan,
    counters,
    rows: parseTable(readFileSync(join(runFolder, 'requests.csv'), 'utf8')),
    records: readBooks(serving, report.id),
    control: readControl(serving),
  }
  const checks = agreement(evidence)
  for (const { name, isOk, detail } of checks) console.log(`${isOk ? '✓' : '✗'} ${name}  ${detail}`)
  const { summary, faults } = report
  console.log(
    JSON.stringify({
      outcomes: summary.outcomes,
      ttftMs: summary.ttftMs.p50,
      validity: summary.validity,
    }),
  )
  for (const { name, lost, detectedAfterMs, recoveredAfterMs } of faults)
    console.log(
      `${name.padEnd(18)} lost ${lost}, seen after ${detectedAfterMs?.toFixed(0) ?? '–'} ms, recovered after ${recoveredAfterMs?.toFixed(0) ?? '–'} ms`,
    )
  if (values.out) {
    mkdirSync(values.out, { recursive: true })
    writeFileSync(join(values.out, 'evidence.json'), JSON.stringify(evidence))
  }
  const failed = checks.filter(({ isOk }) => !isOk).length
  console.log(`${checks.length - failed} of ${checks.length} agree`)
  process.exitCode = failed === 0 ? 0 : 1
} finally {
  await serving.close()
}

/** Runs the program as a person would. */
async function inject({ dataDirectory }: Serving, planPath: string): Promise<InjectionReport> {
  const child = spawn(
    process.execPath,
    [
      join(root, 'src/main.ts'),
      'inject',
      model,
      `--data=${dataDirectory}`,
      `--rate=${values.rate}`,
      `--duration=${durationS}s`,
      `--faults=${planPath}`,
      '--input-tokens=48',
      '--output-tokens=32',
      '--slo=ttft=2s',
      '--json',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let text = ''
  child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  return JSON.parse(text) as InjectionReport
}

/** The store after the end: everything that the journal held has been replayed, or is in what is left of it. */
function readBooks({ dataDirectory }: Serving, runId: string): ServerRecord[] {
  const database = new DatabaseSync(join(dataDirectory, 'baleen.db'), { readOnly: true })
  const stored = database
    .prepare(
      `select client_id as clientId, at_ms as atMs, id, outcome, status, prompt_tokens as promptTokens,
       completion_tokens as completionTokens, ttft_ms as ttftMs, e2e_ms as e2eMs, hold_ms as holdMs
       from requests where client_id like ? or client_id is null`,
    )
    .all(`${runId}-%`) as unknown as (ServerRecord & { id: string })[]
  database.close()
  const known = new Set(stored.map(({ id }) => id))
  const journal = join(dataDirectory, 'journal')
  const left = readdirSync(journal)
    .flatMap((name) => readFileSync(join(journal, name), 'utf8').split('\n'))
    .filter((line) => line.startsWith('{"t":"close"') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as ServerRecord & { id: string })
    .filter(({ id, clientId }) => !known.has(id) && clientId?.startsWith(`${runId}-`))
  return [...stored.filter(({ clientId }) => clientId !== null), ...left]
}

function readControl({ dataDirectory }: Serving): ControlEvent[] {
  return readFileSync(join(dataDirectory, 'logs/control.log'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ replica }) => String(replica).startsWith(model))
    .flatMap((line): ControlEvent[] => {
      const atMs =
        typeof line['time'] === 'number' ? line['time'] : Date.parse(String(line['time']))
      if ('failures' in line) return [{ atMs, what: 'ended' }]
      return line['health'] === 'ready' ? [{ atMs, what: 'ready' }] : []
    })
}

async function readCounters({ url }: Serving): Promise<CounterReading> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const requests: Record<string, number> = {}
  const tokens = { prompt: 0, completion: 0 }
  for (const line of text.split('\n')) {
    const value = Number(line.split(' ').at(-1))
    const outcome = /^baleen_gateway_requests_total\{.*outcome="([a-z]+)"/.exec(line)?.[1]
    if (outcome) requests[outcome] = (requests[outcome] ?? 0) + value
    const kind = /^baleen_gateway_tokens_total\{.*kind="(prompt|completion)"/.exec(line)?.[1]
    if (kind) tokens[kind as 'prompt'] += value
  }
  return {
    atMs: Date.now(),
    requests,
    promptTokens: tokens.prompt,
    completionTokens: tokens.completion,
  }
}

function change(before: CounterReading, after: CounterReading): CounterReading {
  const requests = Object.fromEntries(
    Object.entries(after.requests).map(([name, value]) => [
      name,
      value - (before.requests[name] ?? 0),
    ]),
  )
  return {
    atMs: after.atMs,
    requests,
    promptTokens: after.promptTokens - before.promptTokens,
    completionTokens: after.completionTokens - before.completionTokens,
  }
}

async function untilReady(from: Serving): Promise<void> {
  await until('the model is ready', async () => {
    const { deployments } = (await (await from.api('GET', '/deployments')).json()) as {
      deployments: { replicas: { deployment: string; state: string }[] }[]
    }
    return deployments
      .flatMap(({ replicas }) => replicas)
      .some(({ deployment, state }) => deployment === model && state === 'ready')
  })
}
