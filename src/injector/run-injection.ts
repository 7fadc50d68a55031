import type { InjectionReport } from '../contract/injection.ts'
import type { ProcessChoice } from '../contract/fault.ts'
import type { InjectionSpec } from '../contract/injection-spec.ts'
import { startCrew } from './agents/crew.ts'
import { countMissingTokens, createEndpointCalls } from './drive/endpoint-calls.ts'
import { startFleet, type FleetResult } from './drive/fleet.ts'
import { clientFacts, watchMachine } from './drive/machine-watch.ts'
import type { FleetProgress } from './drive/progress-board.ts'
import { counterChange, readServerCounters } from './drive/server-counters.ts'
import { resolveTarget } from './drive/target.ts'
import { isOfConnections, prepareFaults } from './faults/fault-runner.ts'
import { scoreFault } from './policy/faults/score-fault.ts'
import { measure } from './policy/measurement/measure.ts'
import { measureModels, measureSessions } from './policy/measurement/measure-parts.ts'
import type { RequestRecord } from './policy/measurement/record.ts'
import type { ServerCounters } from './policy/measurement/run-facts.ts'
import type { Window } from './policy/measurement/window.ts'
import { secondBySecond } from './policy/measurement/series.ts'
import { buildSchedule, type Schedule } from './policy/workload/schedule.ts'
import { scheduleSources, threadSources, type RunSources } from './run-sources.ts'

export interface InjectionOptions {
  readonly id: string
  readonly apiKey?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly sources?: RunSources
  /** Other machines that send in place of this one. */
  readonly agents?: { readonly agents: readonly string[]; readonly token: string } | undefined
  /** Where the run keeps its files. */
  readonly folder?: string
  /** The process that has a name now, for faults. */
  readonly findProcess?: ((choice: ProcessChoice) => Promise<number>) | undefined
  /** Faults are allowed on a target that is not this machine. */
  readonly isOwned?: boolean
  /** Ask the system to run the threads that send and stamp before others; true where not said. */
  readonly isUrgent?: boolean
  /** The first abort ends the run; what was measured until then is reported. */
  readonly interrupt: AbortSignal
  onProgress?(progress: FleetProgress): void
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
  const { agents, sources = {}, isOwned = false } = options
  const target = await resolveTarget(spec.url, spec.endpoint, options.apiKey, options.headers)
  const schedule = buildSchedule(spec, scheduleSources(sources))
  const before = await readServerCounters(spec.url)
  // Connections fail where they begin: on the machines that send.
  const own = agents ? spec.faults.filter((fault) => !isOfConnections(fault)) : spec.faults
  const faults = await prepareFaults(own, target, {
    isOwned,
    seed: spec.seed,
    folder: options.folder,
    findProcess: options.findProcess,
  })
  const machine = watchMachine()
  const startedAt = new Date().toISOString()
  const onProgress = (progress: FleetProgress) => options.onProgress?.(progress)
  const crew = agents
    ? startCrew({
        ...agents,
        runId: options.id,
        spec,
        schedule,
        sources,
        apiKey: options.apiKey,
        headers: options.headers ?? {},
        isOwned,
        onProgress,
      })
    : null
  const fleet =
    crew ??
    startFleet({
      runId: options.id,
      target: faults?.target ?? target,
      workers: spec.workers,
      isUrgent: options.isUrgent ?? true,
      sources: threadSources(spec, schedule, sources),
      onProgress,
    })
  const stop = () => fleet.stop()
  options.interrupt.addEventListener('abort', stop)
  void fleet.started.then(
    (startMs) => faults?.start(startMs),
    () => {},
  )
  try {
    const result = await fleet.done
    const elsewhere = crew ? await crew.done : null
    const windows = [...((await faults?.end()) ?? []), ...(elsewhere?.faults ?? [])]
    const ours = machine.end()
    const calls = createEndpointCalls(spec.url, options.apiKey)
    await countMissingTokens(result.records, calls, ({ model }) => spec.models[model]!.name)
    const counters = await settledCounters(spec.url, before, result)
    const window = windowOf(spec, result)
    const endMs = result.records.reduce((end, { endedMs }) => Math.max(end, endedMs), window.toMs)
    const { stealShare, clockDriftMs } = elsewhere ?? ours
    const report: InjectionReport = {
      kind: 'injection-report',
      version: 1,
      id: options.id,
      startedAt,
      spec,
      window,
      stoppedBy: result.stoppedBy,
      client: {
        ...clientFacts(),
        ...Object.fromEntries(
          (elsewhere?.machines ?? []).map((text, at) => [`agent ${at + 1}`, text]),
        ),
      },
      summary: measure(spec, {
        records: result.records,
        window,
        facts: { ...result, stealShare, clockDriftMs, lost: elsewhere?.lost ?? [] },
        counters,
      }),
      models: measureModels(spec, result.records, window),
      sessions: measureSessions(result.records, schedule),
      series: secondBySecond(result.records, endMs),
      faults: windows
        .toSorted((a, b) => a.fromMs - b.fromMs)
        .map((fault, _, [first]) => scoreFault(fault, result.records, spec.slo, first!.fromMs)),
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
