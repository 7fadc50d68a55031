/**
 * What the injector itself costs and how true its clock is: `node bench/injector/injector.bench.ts [NAME…]`.
 * See README.md beside this file.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { completeSpec } from '../../src/injector/policy/default-spec.ts'
import { dispersionIndex } from '../../src/injector/policy/statistics/dispersion.ts'
import { quantile, sortSamples } from '../../src/injector/policy/statistics/quantiles.ts'
import { runInjection } from '../../src/injector/run-injection.ts'

/** Short, so that there are enough bins: the standard error of an index over k of them is √(2/k). */
const dispersionBinMs = 10

type Changes = Parameters<typeof completeSpec>[0]
interface Bench {
  readonly mode: 'small' | 'burst' | 'paced'
  readonly env?: Record<string, string>
  readonly spec: Changes
}

const tiny = {
  inputTokens: { kind: 'fixed', value: 8 },
  outputTokens: { kind: 'fixed', value: 16 },
} as const
const wholeAnswer = { isStreaming: false }
const open = (ratePerS: number, arrivals = 'poisson') =>
  ({ kind: 'open', arrivals, ratePerS }) as const

const benches: Record<string, Bench> = {
  'pacing-2000': {
    mode: 'small',
    spec: { load: open(2000), durationMs: 8000, workload: tiny, request: wholeAnswer },
  },
  'rate-10000': {
    mode: 'small',
    spec: { load: open(10_000), durationMs: 6000, workload: tiny, request: wholeAnswer },
  },
  'rate-10000-2-threads': {
    mode: 'small',
    spec: {
      load: open(10_000),
      durationMs: 6000,
      workload: tiny,
      request: wholeAnswer,
      workers: 2,
    },
  },
  'events-32000': {
    mode: 'paced',
    env: { EVENTS: '100', GAP_MS: '20' },
    spec: { load: open(320, 'constant'), durationMs: 8000, workload: tiny },
  },
  'streams-5000': {
    mode: 'paced',
    env: { EVENTS: '20', GAP_MS: '500', FIRST_MS: '1000' },
    spec: { load: open(1000, 'constant'), durationMs: 7000, workload: tiny },
  },
}

const chosen = process.argv.slice(2)
for (const [name, bench] of Object.entries(benches))
  if (chosen.length === 0 || chosen.includes(name)) await measure(name, bench)

async function measure(name: string, bench: Bench): Promise<void> {
  const server = spawn(process.execPath, [`${import.meta.dirname}/mock-server.ts`, bench.mode], {
    env: { ...process.env, ...bench.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const port = await new Promise<string>((resolve) =>
      server.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString().trim())),
    )
    const url = `http://127.0.0.1:${port}/v1`
    const spec = completeSpec({ ...bench.spec, url })
    const cpuBefore = process.cpuUsage()
    const { report, records } = await runInjection(spec, {
      id: 'bench',
      interrupt: new AbortController().signal,
    })
    const cpu = process.cpuUsage(cpuBefore)
    const stats = (await (await fetch(`http://127.0.0.1:${port}/stats`)).json()) as {
      arrivalsMs: number[]
      peakStreams: number
      writeDelayMsP99: number | null
    }
    const { summary } = report
    // Of the driver threads alone; the whole process also starts threads and writes the report.
    const driverUs =
      (summary.validity.clientCpuShare ?? 0) * runLengthMs(records) * 1000 * spec.workers
    const events = records.reduce((sum, { contentMs }) => sum + contentMs.length, 0)
    const firstArrival = stats.arrivalsMs[0] ?? 0
    const delays = sortSamples(records.map((record) => record.handedMs - record.intendedMs))
    const at = (p: number) => Number(quantile(delays, p).toFixed(3))
    console.log(
      JSON.stringify({
        name,
        requests: records.length,
        outcomes: summary.outcomes,
        offeredPerSecond: Math.round(summary.offeredPerSecond),
        heldPerSecond: Math.round(summary.requestsPerSecond),
        pacingErrorMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) },
        driverCpuUsPerRequest: Number((driverUs / records.length).toFixed(1)),
        processCpuUsPerRequest: Number(((cpu.user + cpu.system) / records.length).toFixed(1)),
        ...(events > records.length
          ? {
              eventsPerSecond: Math.round(events / (runLengthMs(records) / 1000)),
              driverCpuUsPerEvent: Number((driverUs / events).toFixed(2)),
              ttftServiceMs: summary.ttftServiceMs.p99,
              peakStreams: stats.peakStreams,
              serverWriteDelayMsP99: stats.writeDelayMsP99,
            }
          : {}),
        dispersionOfSchedule: Number(
          dispersionIndex(
            Float64Array.from(records, ({ intendedMs }) => intendedMs),
            dispersionBinMs,
            spec.durationMs - 1000,
          ).toFixed(3),
        ),
        dispersionAtServer: Number(
          dispersionIndex(
            Float64Array.from(stats.arrivalsMs, (time) => time - firstArrival),
            dispersionBinMs,
            spec.durationMs - 1000,
          ).toFixed(3),
        ),
        littleError: summary.validity.littleError,
        stealShare: summary.validity.stealShare,
        load1m: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
        problems: summary.validity.problems,
      }),
    )
  } finally {
    server.kill()
  }
}

function runLengthMs(records: readonly { handedMs: number; endedMs: number }[]): number {
  return records.reduce((latest, { endedMs }) => Math.max(latest, endedMs), 0)
}
