import type { InjectionReport, InjectionSpec } from '../contract/injection.ts'
import { countMissingTokens, createEndpointCalls } from './drive/endpoint-calls.ts'
import { startFleet, type FleetProgress, type FleetResult } from './drive/fleet.ts'
import { clientFacts, watchMachine } from './drive/machine-watch.ts'
import { counterChange, readServerCounters } from './drive/server-counters.ts'
import { resolveTarget } from './drive/target.ts'
import { prepareFaults } from './faults/fault-runner.ts'
import { scoreFault } from './policy/faults/score-fault.ts'
import { measure } from './policy/measurement/measure.ts'
import { measureModels, measureSessions } from './policy/measurement/measure-parts.ts'
import type { RequestRecord } from './policy/measurement/record.ts'
import type { ServerCounters } from './policy/measurement/run-facts.ts'
import type { Window } from './policy/measurement/window.ts'
import { secondBySecond } from './policy/measurement/series.ts'
import type { DatasetPrompt } from './policy/workload/prompt.ts'
import type { ClientMix } from './policy/arrivals/client-mix.ts'
import { buildSchedule, type Recording, type Schedule } from './policy/workload/schedule.ts'
import type { Session } from './policy/workload/session.ts'
import type { ImageTemplate } from './policy/workload/synthetic-image.ts'

export interface InjectionOptions {
  readonly id: string
  readonly apiKey?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly sources?: Sources
  /** Where the run keeps its files. */
  readonly folder?: string
  /** Faults are allowed on a target that is not this machine. */
  readonly isOwned?: boolean
  /** Ask the system to run the threads that send and stamp before others; true where not said. */
  readonly isUrgent?: boolean
  /** The first abort ends the run; what was measured until then is reported. */
  readonly interrupt: AbortSignal
  onProgress?(progress: FleetProgress): void
}

/** What the files that a spec names hold. */
export interface Sources {
  readonly recording?: Recording | undefined
  readonly dataset?: readonly DatasetPrompt[]
  readonly sessions?: readonly Session[] | undefined
  readonly clientMix?: ClientMix
  readonly imageTemplate?: ImageTemplate
}

export interface InjectionResult {
  readonly report: InjectionReport
  readonly records: readonly RequestRecord[]
  readonly schedule: Schedule
}

/** Runs one injection. Errors: `injection/…` before the first request; afterwards everything is an outcome. */
export async function runInjection(
  spec: InjectionSpec,
  options: InjectionOptions,
): Promise<InjectionResult> {
  const { recording, dataset = [], sessions, clientMix, imageTemplate } = options.sources ?? {}
  const target = await resolveTarget(spec.url, spec.endpoint, options.apiKey, options.headers)
  const schedule = buildSchedule(spec, {
    ...(recording ? { recording } : {}),
    ...(sessions ? { sessions } : {}),
    ...(clientMix ? { clientMix } : {}),
    datasetRows: dataset.length,
  })
  const before = await readServerCounters(spec.url)
  const faults = await prepareFaults(spec.faults, target, {
    isOwned: options.isOwned ?? false,
    seed: spec.seed,
    folder: options.folder,
  })
  const machine = watchMachine()
  const startedAt = new Date().toISOString()
  const fleet = startFleet({
    runId: options.id,
    target: faults?.target ?? target,
    workers: spec.workers,
    isUrgent: options.isUrgent ?? true,
    sources: {
      spec,
      schedule,
      dataset,
      sessions: sessions ?? null,
      prefixBlocks: recording?.prefixBlocks ?? null,
      imageTemplate: imageTemplate ?? null,
      wordsPerToken: spec.workload.calibration?.wordsPerToken ?? 1,
      templateTokens: spec.workload.calibration?.templateTokens ?? 0,
    },
    onProgress: (progress) => options.onProgress?.(progress),
  })
  const stop = () => fleet.stop()
  options.interrupt.addEventListener('abort', stop)
  void fleet.started.then(
    (startMs) => faults?.start(startMs),
    () => {},
  )
  try {
    const result = await fleet.done
    const windows = (await faults?.end()) ?? []
    const { stealShare, clockDriftMs } = machine.end()
    const calls = createEndpointCalls(spec.url, options.apiKey)
    await countMissingTokens(result.records, calls, ({ model }) => spec.models[model]!.name)
    const counters = await settledCounters(spec.url, before, result)
    const window = windowOf(spec, result)
    const endMs = result.records.reduce((end, { endedMs }) => Math.max(end, endedMs), window.toMs)
    const report: InjectionReport = {
      kind: 'injection-report',
      version: 1,
      id: options.id,
      startedAt,
      spec,
      window,
      stoppedBy: result.stoppedBy,
      client: clientFacts(),
      summary: measure(spec, {
        records: result.records,
        window,
        facts: { ...result, stealShare, clockDriftMs },
        counters,
      }),
      models: measureModels(spec, result.records, window),
      sessions: measureSessions(result.records, schedule),
      series: secondBySecond(result.records, endMs),
      faults: windows.map((fault) => scoreFault(fault, result.records, spec.slo)),
    }
    return { report, records: result.records, schedule }
  } finally {
    await faults?.end()
    options.interrupt.removeEventListener('abort', stop)
  }
}

/** A run that is bounded by a number of requests ends with its last answer, not with a duration it never fills. */
function windowOf(spec: InjectionSpec, { records, stoppedAtMs }: FleetResult): Window {
  const lastMs = records.reduce((last, { endedMs }) => Math.max(last, endedMs), 0)
  const toMs = spec.requestsMax === null ? stoppedAtMs : Math.min(stoppedAtMs, lastMs)
  return { fromMs: spec.warmupMs, toMs: Math.max(spec.warmupMs + 1, toMs) }
}

/** Servers publish their counters with a delay: read until they agree with usage, or for a short while. */
async function settledCounters(
  url: string,
  before: ServerCounters | null,
  { records }: FleetResult,
): Promise<ServerCounters | null> {
  if (before === null) return null
  const expected = records.reduce((sum, { outputTokens }) => sum + (outputTokens ?? 0), 0)
  let change: ServerCounters | null = null
  for (let attempt = 0; attempt < 5; attempt++) {
    change = counterChange(before, await readServerCounters(url))
    if ((change?.outputTokens ?? 0) >= expected) break
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  return change
}
