import { completeSpec } from '../../../src/injector/policy/default-spec.ts'
import { e2eMs, ttftMs } from '../../../src/injector/policy/measurement/latency.ts'
import { runInjection } from '../../../src/injector/run-injection.ts'

export interface Point {
  readonly ratePerS: number
  /** A closed loop of so many instead. */
  readonly users?: number
  readonly seconds: number
  readonly inputTokens: number
  readonly outputTokens: number
}

export interface Run {
  readonly at: Point
  /** Of every answered request. */
  readonly ttftMs: readonly number[]
  readonly e2eMs: readonly number[]
  /** What the server counted, means over the answered. */
  readonly isl: number
  readonly osl: number
  readonly tpotMs: number
  readonly rateRps: number
  readonly failed: number
  readonly outcomes: Readonly<Record<string, number | undefined>>
}

/** An open loop of plain completions; the same seed gives every contender the same requests at the same times. */
export async function drive(url: string, at: Point, seed: number): Promise<Run> {
  const length = (mean: number) => ({
    kind: 'uniform' as const,
    min: Math.ceil(mean * 0.5),
    max: Math.floor(mean * 1.5),
  })
  const spec = completeSpec({
    url,
    seed,
    endpoint: 'completions',
    models: [{ name: 'bench', weight: 1 }],
    load:
      at.users === undefined
        ? { kind: 'open', arrivals: 'poisson', ratePerS: at.ratePerS }
        : { kind: 'closed', users: at.users, thinkTimeMs: 0, rampMs: 0 },
    durationMs: at.seconds * 1e3,
    graceMs: 60_000,
    workload: {
      inputTokens: length(at.inputTokens),
      outputTokens: length(at.outputTokens),
    },
    request: { ignoresEos: true },
  })
  const { report, records } = await runInjection(spec, {
    id: `real-${seed}`,
    interrupt: new AbortController().signal,
  })
  const { summary } = report
  const answered = records.filter((record) => Number.isFinite(ttftMs(record)))
  return {
    at,
    ttftMs: answered.map(ttftMs),
    e2eMs: answered.map(e2eMs),
    isl: summary.promptTokens?.mean ?? Number.NaN,
    osl: summary.outputTokens?.mean ?? Number.NaN,
    tpotMs: summary.tpotMs.mean ?? Number.NaN,
    rateRps: summary.offeredPerSecond,
    failed: records.length - answered.length,
    outcomes: summary.outcomes,
  }
}
