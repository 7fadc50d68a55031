import type { InjectionSpec } from '../../contract/injection-spec.ts'

/** A whole spec from what was said. */
export function completeSpec(
  given: Partial<Omit<InjectionSpec, 'workload' | 'request' | 'timeouts' | 'limits'>> & {
    readonly workload?: Partial<InjectionSpec['workload']>
    readonly request?: Partial<InjectionSpec['request']>
    readonly timeouts?: Partial<InjectionSpec['timeouts']>
    readonly limits?: Partial<InjectionSpec['limits']>
  },
): InjectionSpec {
  return {
    version: 1,
    url: 'http://127.0.0.1:8080/v1',
    endpoint: 'chat',
    models: [{ name: 'default', weight: 1 }],
    load: { kind: 'open', arrivals: 'poisson', ratePerS: 1 },
    durationMs: 30_000,
    warmupMs: 0,
    graceMs: 30_000,
    requestsMax: null,
    seed: 1,
    slo: {},
    workers: 1,
    faults: [],
    ...given,
    workload: {
      inputTokens: { kind: 'fixed', value: 128 },
      outputTokens: { kind: 'fixed', value: 64 },
      sharedPrefix: null,
      turns: 1,
      thinkTimeMs: 0,
      calibration: null,
      textSeed: null,
      dataset: null,
      clients: null,
      sessions: null,
      answers: 'recorded',
      images: null,
      toolResults: null,
      trace: null,
      ...given.workload,
    },
    request: {
      isStreaming: true,
      ignoresEos: false,
      temperature: null,
      extraBody: {},
      hasDoneMarker: true,
      ...given.request,
    },
    timeouts: {
      connectMs: 10_000,
      ttftMs: 120_000,
      stallMs: 60_000,
      totalMs: 600_000,
      ...given.timeouts,
    },
    limits: {
      inFlightMax: 20_000,
      tokensMax: null,
      costMax: null,
      inputPricePerMillion: 0,
      outputPricePerMillion: 0,
      ...given.limits,
    },
  }
}
