/**
 * What the injector itself costs and how true its clock is: `node bench/injector/injector.bench.ts [NAME…]`.
 * See README.md beside this file.
 */
import { readFileSync } from 'node:fs'
import { completeSpec } from '../../src/injector/policy/default-spec.ts'
import { tpotMs, ttftServiceMs } from '../../src/injector/policy/measurement/latency.ts'
import type { RequestRecord } from '../../src/injector/policy/measurement/record.ts'
import { dispersionIndex } from '../../src/injector/policy/statistics/dispersion.ts'
import { quantile, sortSamples } from '../../src/injector/policy/statistics/quantiles.ts'
import { runInjection } from '../../src/injector/run-injection.ts'
import { ordinaryPriority, takePriority } from '../../src/injector/drive/priority.ts'
import { keepAwake } from './awake.ts'
import { runBareClient } from './bare-client.ts'
import { startMock } from './mock-process.ts'
import type { MockStats } from './mock-server.ts'

/** Short, so that there are enough bins: the standard error of an index over k of them is √(2/k). */
const dispersionBinMs = 10

type Changes = Parameters<typeof completeSpec>[0]
interface Bench {
  readonly mode: 'small' | 'paced'
  readonly env?: Record<string, string>
  readonly spec: Changes
  /** A bare client does the same after it. */
  readonly hasFloor?: boolean
}

const tiny = {
  inputTokens: { kind: 'fixed', value: 8 },
  outputTokens: { kind: 'fixed', value: 16 },
} as const
const wholeAnswer = { isStreaming: false }
const open = (ratePerS: number, arrivals = 'poisson') =>
  ({ kind: 'open', arrivals, ratePerS }) as const
const small = (ratePerS: number, durationMs: number, workers = 1): Bench => ({
  mode: 'small',
  spec: { load: open(ratePerS), durationMs, workload: tiny, request: wholeAnswer, workers },
})

const benches: Record<string, Bench> = {
  'pacing-2000': { ...small(2000, 20_000), hasFloor: true },
  'rate-10000': { ...small(10_000, 12_000), hasFloor: true },
  'rate-10000-2-threads': small(10_000, 10_000, 2),
  'events-32000': {
    mode: 'paced',
    env: { EVENTS: '100', GAP_MS: '20' },
    spec: { load: open(320, 'constant'), durationMs: 15_000, workload: tiny },
    hasFloor: true,
  },
  'streams-5000': {
    mode: 'paced',
    env: { EVENTS: '20', GAP_MS: '500', FIRST_MS: '1000' },
    spec: { load: open(550, 'constant'), durationMs: 14_000, workload: tiny },
  },
  'dispersion-1': small(1000, 60_000),
  'dispersion-2': small(1000, 60_000, 2),
  'dispersion-4': small(1000, 60_000, 4),
  'dispersion-8': small(1000, 60_000, 8),
}

const chosen = process.argv.slice(2).filter((name) => !name.startsWith('--'))
/** Without the priority that the system may grant. */
const isUrgent = !process.argv.includes('--ordinary')
/** No processor halts meanwhile. */
const isAwake = process.argv.includes('--awake')
const letSleep = isAwake ? keepAwake() : () => {}
const rounds = Number(
  process.argv.find((text) => text.startsWith('--rounds='))?.slice('--rounds='.length) ?? 1,
)
/** Processor time is told for the last two thirds too: by then streams are as many as they get, and code is compiled. */
const steadyShare = 1 / 3

for (let round = 0; round < rounds; round++)
  for (const [name, bench] of Object.entries(benches)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue
    await measure(name, bench)
    if (bench.hasFloor && !process.argv.includes('--no-floor')) await measureFloor(name, bench)
  }
letSleep()

async function measure(name: string, bench: Bench): Promise<void> {
  const mock = await startMock(bench.mode, bench.env, isUrgent)
  try {
    const spec = completeSpec({ ...bench.spec, url: mock.url })
    const cpuBefore = process.cpuUsage()
    const cpuAt: { atMs: number; cpuMs: number }[] = []
    const { report, records } = await runInjection(spec, {
      id: 'bench',
      isUrgent,
      interrupt: new AbortController().signal,
      onProgress: ({ atMs, cpuMs }) => cpuAt.push({ atMs, cpuMs }),
    })
    const cpu = process.cpuUsage(cpuBefore)
    const stats = await mock.stats()
    const { summary } = report
    const { validity } = summary
    // Of the threads that pace, send and stamp; the whole process also starts threads and writes the report.
    const clientUs = (validity.clientCpuMs ?? 0) * 1000
    const events = records.reduce((sum, { contentMs }) => sum + contentMs.length, 0)
    const firstArrivalMs = stats.arrivedMs[0] ?? 0
    console.log(
      JSON.stringify({
        name,
        requests: records.length,
        outcomes: summary.outcomes,
        offeredPerSecond: Math.round(summary.offeredPerSecond),
        heldPerSecond: Math.round(summary.requestsPerSecond),
        pacingErrorMs: spread(records.map((record) => record.handedMs - record.intendedMs)),
        clientCpuUsPerRequest: toDigits(clientUs / records.length, 1),
        steady: steadyCpu(spec.durationMs, cpuAt, records),
        processCpuUsPerRequest: {
          user: toDigits(cpu.user / records.length, 1),
          system: toDigits(cpu.system / records.length, 1),
        },
        ...(events > records.length ? streaming(records, stats, events, clientUs) : {}),
        dispersionOfSchedule: dispersion(
          records.map(({ intendedMs }) => intendedMs),
          spec.durationMs,
        ),
        dispersionAtServer: dispersion(
          stats.arrivedMs.map((arrivedMs) => arrivedMs - firstArrivalMs),
          spec.durationMs,
        ),
        littleError: validity.littleError,
        busiestThread: toDigits(validity.clientCpuShare ?? NaN, 2),
        priority: validity.priority,
        ...hostFacts(stats),
        stealShare: toDigits(validity.stealShare ?? NaN, 4),
        problems: validity.problems,
      }),
    )
  } finally {
    mock.stop()
  }
}

async function measureFloor(name: string, bench: Bench): Promise<void> {
  const mock = await startMock(bench.mode, bench.env, isUrgent)
  const priority = isUrgent ? takePriority() : ordinaryPriority
  try {
    const spec = completeSpec({ ...bench.spec, url: mock.url })
    if (spec.load.kind !== 'open') throw new Error('a floor is of an open loop')
    const { requests, bytes, steady, lateMs } = await runBareClient({
      port: Number(new URL(mock.url).port),
      ratePerS: spec.load.ratePerS,
      durationMs: spec.durationMs,
      steadyFromMs: spec.durationMs * steadyShare,
      isStreaming: spec.request.isStreaming,
    })
    const stats = await mock.stats()
    const events = spec.request.isStreaming ? (steady.bytes / bytes) * stats.events : 0
    console.log(
      JSON.stringify({
        name: `${name}, floor`,
        requests,
        pacingErrorMs: spread(lateMs),
        steady: {
          cpuUsPerRequest: toDigits(steady.cpuUs / steady.requests, 1),
          ...(events > 0 ? { cpuUsPerEvent: toDigits(steady.cpuUs / events, 2) } : {}),
        },
        priority: priority.level,
        ...hostFacts(stats),
      }),
    )
  } finally {
    priority.release()
    mock.stop()
  }
}

/** Processor time between the first report of the steady part and the last one before the end of the sending. */
function steadyCpu(
  durationMs: number,
  cpuAt: readonly { atMs: number; cpuMs: number }[],
  records: readonly RequestRecord[],
) {
  const inside = cpuAt.filter(({ atMs }) => atMs >= durationMs * steadyShare && atMs <= durationMs)
  const [from, to] = [inside[0], inside.at(-1)]
  if (!from || !to || from === to) return null
  const isBetween = (atMs: number) => atMs >= from.atMs && atMs < to.atMs
  const requests = records.filter(({ handedMs }) => isBetween(handedMs)).length
  let events = 0
  for (const { contentMs } of records) for (const atMs of contentMs) if (isBetween(atMs)) events++
  const cpuUs = (to.cpuMs - from.cpuMs) * 1000
  return {
    cpuUsPerRequest: toDigits(cpuUs / requests, 1),
    ...(events > requests ? { cpuUsPerEvent: toDigits(cpuUs / events, 2) } : {}),
  }
}

function hostFacts(stats: MockStats) {
  return {
    isAwake,
    serverCpuMs: Math.round(stats.cpuUs / 1000),
    load1m: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
  }
}

/** Beside what the mock really did: how much of TTFT and TPOT is the client and the way to it. */
function streaming(
  records: readonly RequestRecord[],
  stats: MockStats,
  events: number,
  clientUs: number,
) {
  const truth = new Map(stats.records.map((record) => [record.id, record]))
  const matched = records.map((record) => ({
    record,
    real: truth.get(`bench-${record.index}`)!,
  }))
  return {
    eventsPerSecond: busySecond(records),
    clientCpuUsPerEvent: toDigits(clientUs / events, 2),
    ttftAboveServerMs: spread(
      matched.map(
        ({ record, real }) => ttftServiceMs(record) - (real.firstTokenMs - real.arrivedMs),
      ),
    ),
    tpotErrorMs: spread(
      matched.map(
        ({ record, real }) =>
          tpotMs(record) - (real.lastTokenMs - real.firstTokenMs) / (record.contentMs.length - 1),
      ),
    ),
    peakStreams: stats.peakStreams,
    serverWriteDelayMsP99: toDigits(stats.writeDelayMsP99 ?? NaN, 2),
  }
}

/** Events in the median second, without the start and the end. */
function busySecond(records: readonly RequestRecord[]): number {
  const counts = new Map<number, number>()
  for (const { contentMs } of records)
    for (const atMs of contentMs) {
      const second = Math.floor(atMs / 1000)
      counts.set(second, (counts.get(second) ?? 0) + 1)
    }
  return quantile(sortSamples([...counts.values()]), 0.5)
}

function spread(values: readonly number[]) {
  const sorted = sortSamples(values)
  const at = (p: number) => toDigits(quantile(sorted, p), 3)
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }
}

function dispersion(timesMs: readonly number[], durationMs: number): number {
  const bins = durationMs - 1000
  return toDigits(dispersionIndex(Float64Array.from(timesMs), dispersionBinMs, bins), 3)
}

function toDigits(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
