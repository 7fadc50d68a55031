import type { InjectionSpec } from '../contract/injection-spec.ts'
import type { InjectionSweep } from '../contract/injection-study.ts'
import { createRandom } from '../core/random.ts'
import { e2eMs, isGood, ttftMs } from './policy/measurement/latency.ts'
import type { RequestRecord } from './policy/measurement/record.ts'
import { contains } from './policy/measurement/window.ts'
import { createRateSearch, type Observation, type Probe } from './policy/search/rate-search.ts'
import { effectiveCount } from './policy/statistics/dispersion.ts'
import { streamSeed } from './policy/statistics/draw.ts'
import { runInjection, type InjectionOptions, type InjectionResult } from './run-injection.ts'

export interface SweepOptions extends InjectionOptions {
  readonly target: number
  readonly tolerance: number
  readonly rateMaxPerS: number
  /** A probe begins. */
  onProbe?(probe: Probe, number: number): void
  onProbeEnd?(result: InjectionResult): void
}

/** Overload shows as backlog; this many limits' worth of it is proof. */
const settleLimits = 3
const probeMsMax = 10_000
/** A probe is at least as long as it takes to send about so many. */
const requestsMin = 10

/**
 * Looks for the highest rate that meets the SLO of the spec, or, without one, for the most the server does. `spec.load`
 * gives the first rate, its duration the least length of a probe.
 */
export async function runSweep(
  spec: InjectionSpec,
  options: SweepOptions,
): Promise<InjectionSweep> {
  const startedAt = new Date().toISOString()
  const limitMs = Math.max(spec.slo.ttftMs ?? 0, spec.slo.e2eMs ?? 0) || 1000
  const hasLimits = Object.keys(spec.slo).length > 0
  const probeMs = Math.min(spec.durationMs, probeMsMax)
  const search = createRateSearch({
    startRatePerS: spec.load.kind === 'open' ? spec.load.ratePerS : 1,
    rateMaxPerS: options.rateMaxPerS,
    hasLimits,
    target: options.target,
    tolerance: options.tolerance,
    probeMs,
    settleMs: Math.max(
      probeMs,
      Math.min((settleLimits * limitMs) / options.tolerance, 10 * probeMs),
    ),
    requestsMax: spec.requestsMax ?? 5000,
    confidence: 0.95,
  })
  const probes: InjectionSweep['probes'] = []
  for (
    let asked = search.next();
    asked !== null && !options.interrupt.aborted;
    asked = search.next()
  ) {
    // Of no request at all nothing can be said.
    const probe = {
      ...asked,
      durationMs: Math.max(asked.durationMs, (requestsMin / asked.ratePerS) * 1000),
    }
    options.onProbe?.(probe, probes.length + 1)
    const { result, isCutShort } = await runProbe(spec, probe, options, probes.length, limitMs)
    if (options.interrupt.aborted) break
    options.onProbeEnd?.(result)
    const observation = observe(result, isCutShort)
    search.observe(probe, observation)
    const { summary } = result.report
    probes.push({
      ratePerS: probe.ratePerS,
      durationMs: probe.durationMs,
      requests: summary.requests,
      attainment: summary.attainment,
      goodputPerSecond: summary.goodputPerSecond,
      completedPerSecond: observation.completedPerS,
      outputTokensPerSecond: summary.outputTokensPerSecond,
      ttftMsP50: summary.ttftMs.p50,
      ttftMsP99: summary.ttftMs.p99,
      tpotMsP50: summary.tpotMs.p50,
      isSaturated: observation.isSaturated,
      problems: summary.validity.problems,
    })
  }
  const { points: _, ...result } = search.result(createRandom(streamSeed(spec.seed, 'bootstrap')))
  const { id, target, tolerance } = options
  return {
    kind: 'injection-sweep',
    version: 1,
    id,
    startedAt,
    spec,
    target,
    tolerance,
    result: {
      ...result,
      ...(options.interrupt.aborted ? { reason: 'interrupted before the answer was known' } : {}),
      interval: result.interval === null ? null : [...result.interval],
    },
    probes,
  }
}

/** One rate. Cut short once more is in flight than a server that keeps up would ever hold. */
async function runProbe(
  spec: InjectionSpec,
  { ratePerS, durationMs }: Probe,
  options: SweepOptions,
  number: number,
  limitMs: number,
): Promise<{ result: InjectionResult; isCutShort: boolean }> {
  const cut = new AbortController()
  const inFlightMax = Math.max(50, 5 * ratePerS * (limitMs / 1000) + 5 * ratePerS)
  const arrivals = spec.load.kind === 'open' ? spec.load.arrivals : 'poisson'
  const result = await runInjection(
    {
      ...spec,
      load: { kind: 'open', arrivals, ratePerS },
      durationMs,
      requestsMax: null,
      seed: streamSeed(spec.seed, `probe ${number}`),
      graceMs: Math.min(spec.graceMs, Math.max(5000, 5 * limitMs)),
    },
    {
      ...options,
      id: `${options.id}-${number}`,
      interrupt: AbortSignal.any([options.interrupt, cut.signal]),
      onProgress(progress) {
        options.onProgress?.(progress)
        if (progress.inFlight > inFlightMax) cut.abort()
      },
    },
  )
  return { result, isCutShort: cut.signal.aborted }
}

function observe({ report, records }: InjectionResult, isCutShort: boolean): Observation {
  const { spec, window, summary } = report
  const inside = records.filter(({ intendedMs }) => contains(window, intendedMs))
  const latency = (record: RequestRecord) => {
    const value = spec.request.isStreaming ? ttftMs(record) : e2eMs(record)
    // Those that never answered waited longest.
    return Number.isNaN(value) ? record.endedMs - record.intendedMs : value
  }
  const half = { fromMs: (window.fromMs + window.toMs) / 2, toMs: window.toMs }
  const completed = records.filter(
    (record) => record.outcome === 'ok' && contains(half, record.doneMs),
  )
  const { clientDelayMs, achievedOverOffered } = summary.validity
  return {
    good: inside.filter((record) => isGood(record, spec.slo)).length,
    total: inside.length,
    effectiveTotal: effectiveCount(Float64Array.from(inside, latency)),
    completedPerS: (completed.length * 1000) / (half.toMs - half.fromMs),
    isSaturated: isCutShort || summary.steadyState.isSaturated,
    // Only what makes the client the limit; a clock that was set or a missing counter does not.
    isTrustworthy:
      isCutShort ||
      ((achievedOverOffered ?? 0) >= 0.99 &&
        (clientDelayMs.p99 ?? 0) <=
          Math.max(20, 0.05 * (summary.ttftMs.p50 ?? summary.e2eMs.p50 ?? 0))),
  }
}
