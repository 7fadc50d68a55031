/**
 * What a client measures on the simulated engine beside what the planner's simulation says of the same requests at the
 * same times. Starts Baleen with one replica, and puts load on its gateway. `--engines N`: what N idle ones cost.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'llama-3.1-70b' },
    hardware: { type: 'string', default: 'h100:8' },
    seconds: { type: 'string', default: '25' },
    engines: { type: 'string', default: '12' },
  },
})
const program = join(import.meta.dirname, '..', 'src', 'main.ts')
const data = mkdtempSync(join(tmpdir(), 'baleen-simulated-'))
const [gpu = '', gpus = '1'] = values.hardware.split(':')
const warmupS = 5
const durationS = Number(values.seconds)

interface Case {
  readonly name: string
  readonly inject: readonly string[]
  readonly workload: object
}
const lengths = { inputTokens: 1024, outputTokens: 128 }
const cases: readonly Case[] = [
  { name: '1 user', inject: ['--users', '1', '--ramp', '0s'], workload: { users: 1 } },
  ...[2, 4].map((rate) => ({
    name: `${rate} requests/s`,
    inject: ['--rate', String(rate)],
    workload: { rate, arrivals: 'poisson' },
  })),
]

const run = (...argv: string[]): string =>
  execFileSync(process.execPath, [program, ...argv], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  })

interface Stat {
  readonly mean: number
}
interface Figures {
  readonly ttftMs: Stat
  readonly tpotMs: Stat
  readonly e2eMs: Stat
}

function simulated({ workload }: Case, seed: number): Figures {
  const scenario = {
    seed,
    pools: [
      {
        name: 'main',
        replicas: 1,
        deployment: {
          engine: 'vllm',
          model: values.model,
          gpu,
          gpus: Number(gpus),
          tp: Number(gpus),
        },
      },
    ],
    workload: { ...workload, ...lengths, duration: `${durationS}s` },
  }
  const path = join(data, 'scenario.json')
  writeFileSync(path, JSON.stringify(scenario))
  return (JSON.parse(run('simulate', path, '--json')) as { summary: Figures }).summary
}

function measured({ inject }: Case, seed: number): Figures {
  const { summary } = JSON.parse(
    run(
      ...'inject rehearsal --ignore-eos --exact-tokens --json'.split(' '),
      ...inject,
      ...`--duration ${durationS}s --warmup ${warmupS}s --seed ${seed}`.split(' '),
      ...`--input-tokens ${lengths.inputTokens} --output-tokens ${lengths.outputTokens}`.split(' '),
      '--data',
      data,
    ),
  ) as { summary: Figures }
  return summary
}

/** Proportional set size, kB, and CPU time, s, of the simulated engines. */
function cost(): { count: number; memoryMb: number; cpuS: number } {
  const [deployment] = JSON.parse(run('ps', '--json', '--data', data)) as {
    replicas: { pid: number | null }[]
  }[]
  const own = deployment!.replicas.flatMap(({ pid }) => pid ?? [])
  const memoryKb = own.map((pid) =>
    Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]),
  )
  const ticks = own.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
  return { count: own.length, memoryMb: sum(memoryKb) / 1024, cpuS: sum(ticks) / 100 }
}

writeFileSync(
  join(data, 'config.yaml'),
  'gateway: {port: 0, processes: 1}\ncontrol: {port: 0}\ndeployments: []\n',
)
const serve = spawn(
  process.execPath,
  [program, 'serve', '--data', data, '--config', join(data, 'config.yaml')],
  { stdio: 'ignore' },
)
try {
  for (let tries = 0; tries < 60; tries++) {
    await sleep(500)
    try {
      run(
        'deploy',
        values.model,
        '--name',
        'rehearsal',
        '--engine',
        'simulated',
        '--hardware',
        values.hardware,
        '--data',
        data,
      )
      break
    } catch {
      // Not up yet.
    }
  }
  console.log(
    `${values.model} on ${values.hardware}, 1024 tokens in, 128 out, means, ms: measured through the gateway / simulated\n`,
  )
  console.log('| load | TTFT | TPOT | E2E |\n|---|--:|--:|--:|')
  for (const [index, one] of cases.entries()) {
    const seed = 101 + index
    const plan = simulated(one, seed)
    const real = measured(one, seed)
    const cell = (key: keyof Figures): string => {
      const ratio = (real[key].mean / plan[key].mean - 1) * 100
      return `${real[key].mean.toFixed(1)} / ${plan[key].mean.toFixed(1)} (${ratio >= 0 ? '+' : ''}${ratio.toFixed(1)} %)`
    }
    console.log(`| ${one.name} | ${cell('ttftMs')} | ${cell('tpotMs')} | ${cell('e2eMs')} |`)
  }
  run('scale', 'rehearsal', values.engines, '--data', data)
  await sleep(15_000)
  const before = cost()
  await sleep(5000)
  const after = cost()
  console.log(
    `\n${after.count} idle engines: ${(after.memoryMb / after.count).toFixed(0)} MB each (PSS), ${(((after.cpuS - before.cpuS) / 5 / after.count) * 100).toFixed(2)} % of a core each`,
  )
} finally {
  serve.kill('SIGTERM')
  await new Promise((resolve) => serve.once('exit', resolve))
  rmSync(data, { recursive: true, force: true })
}
