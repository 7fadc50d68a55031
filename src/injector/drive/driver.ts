import { monitorEventLoopDelay } from 'node:perf_hooks'
import { abandonedAfter } from '../policy/faults/abandon.ts'
import { createExchange, textOf, type Exchange } from '../policy/measurement/exchange.ts'
import { tpotMs, ttftMs } from '../policy/measurement/latency.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'
import { promptOf, type PromptSources } from '../policy/workload/prompt.ts'
import { createBudget } from './budget.ts'
import { createDueTimers } from './due-timers.ts'
import { createLauncher } from './launcher.ts'
import { createThreadPacer } from './pacer.ts'
import type { latencies, ProgressCounts } from './progress-board.ts'
import { createRecordLog, type PackedRecords } from './record-log.ts'
import { rehearse } from './rehearsal.ts'
import { createRequestBuilder, tokensAtMost } from './request-builder.ts'
import type { RunClock } from './run-clock.ts'
import { createSessions, type OpenSession } from './sessions.ts'
import type { Target } from './target.ts'

export interface DriverOptions {
  readonly runId: string
  readonly sources: PromptSources
  readonly target: Target
  readonly clock: RunClock
  /** This driver takes the sessions k with k mod count = index. */
  readonly shard: { readonly index: number; readonly count: number }
  /** Twice a second. */
  onProgress?(progress: DriverProgress): void
}

export interface DriverProgress
  extends ProgressCounts, Readonly<Record<(typeof latencies)[number], Float64Array>> {}

export interface DriverResult {
  /** Requests whose time came before the run stopped, counted from the schedule and not from the records. */
  readonly scheduled: number
  readonly inFlightAreaMs: number
  readonly cpuShare: number
  /** Of this thread and its pacer. */
  readonly cpuMs: number
  readonly eventLoopDelayMsP99: number
  readonly stoppedBy: StopReason
  /** Requests intended after this were not sent. */
  readonly stoppedAtMs: number
}

export type StopReason = 'schedule' | 'tokens' | 'cost' | 'interrupt'

export interface Driver {
  /** Settles when `run` can begin without delay. */
  prepare(): Promise<void>
  /**
   * `startMs`: time 0 of the run on the clock. Settles when every request has its outcome, at the latest when the
   * grace is over.
   */
  run(startMs: number): Promise<{ result: DriverResult; records: PackedRecords }>
  stop(): void
}

const sweepEveryMs = 50
const progressEveryMs = 500

/**
 * Follows the schedule of one shard. Open loop: a request is sent when its time has come, whatever the server does;
 * where the thread itself is late, the stamps say so.
 */
export function createDriver(options: DriverOptions): Driver {
  const { sources, clock, shard } = options
  const { spec, schedule } = sources
  let startMs = 0
  const now = () => clock() - startMs
  const builder = createRequestBuilder(sources, options.target, options.runId)
  const budget = createBudget(spec.limits, 1 / shard.count)
  const log = createRecordLog()
  const sessions = createSessions(sources)
  const openSessions = new Map<Exchange, OpenSession>()
  const recent = { ttftMs: [] as number[], tpotMs: [] as number[], clientDelayMs: [] as number[] }
  const counts = { handed: 0, ok: 0, failed: 0, outputTokens: 0 }
  const entries = firstEntries(schedule, shard)
  /** Users of a closed loop begin the session of this number next; threads interleave. */
  let nextSession = shard.index + entries.length * shard.count
  let next = 0
  /** First entry whose request has not been built yet. */
  let ahead = 0
  /** Requests that the schedule has no time for. */
  let followUps = 0
  let stoppedBy: StopReason = 'schedule'
  let stoppedAtMs = spec.durationMs
  let cpuStart = process.threadCpuUsage()
  let finish: () => void = () => {}

  const launcher = createLauncher({
    spec,
    target: options.target,
    now,
    inFlightMax: Math.max(1, Math.floor(spec.limits.inFlightMax / shard.count)),
    onEnd: ended,
  })

  const pacer = createThreadPacer({
    timesMs: Float64Array.from(entries, (entry) => schedule.timesMs[entry]!),
    onDue: due,
  })

  const timers = createDueTimers({
    now,
    endsAtMs: () => stoppedAtMs,
    onActed: () => {
      if (isOver()) finish()
    },
  })

  /** Begins the session of this number at the time it was meant to. */
  function begin(number: number, startMs: number): void {
    const count = schedule.sessionStarts.length - 1
    const entry = schedule.sessionStarts[number % count]!
    const lap = Math.floor(number / count) * schedule.timesMs.length
    const session = sessions.open(number, entry, lap)
    if (session === null) return launch(entry, lap + entry, startMs, null, 0)
    for (const { call, dueMs } of session.run.begin(startMs)) launchWhenDue(session, call, dueMs)
  }

  function launchWhenDue(session: OpenSession, call: number, dueMs: number): void {
    session.waiting++
    const act = (atMs: number) => {
      session.waiting--
      launch(session.entry + call, session.request + call, atMs, session, call)
    }
    if (dueMs <= now()) act(dueMs)
    else timers.after(dueMs, act)
  }

  /** `request` is the number of the request in the run, `entry` where the schedule describes it. */
  function launch(
    entry: number,
    request: number,
    intendedMs: number,
    session: OpenSession | null,
    call: number,
  ): void {
    const prompt = () => promptOf(sources, entry, request)
    const messages = session === null ? undefined : session.run.messagesOf(call, prompt)
    const outputTokens = schedule.outputTokens[entry]!
    const inputTokens = schedule.inputTokens[entry]!
    if (budget !== null) {
      const most = Math.max(inputTokens, tokensAtMost(messages ?? prompt()))
      const refusal = budget.reserve(request, most, outputTokens)
      if (refusal !== null) return halt(refusal, intendedMs)
    }
    const exchange = createExchange({
      index: request,
      model: schedule.models[entry]!,
      turn: schedule.turns[entry]!,
      endpoint: spec.endpoint,
      isStreaming: spec.request.isStreaming && spec.endpoint !== 'embeddings',
      wantedInputTokens: inputTokens,
      wantedOutputTokens: outputTokens,
      intendedMs,
      abandonedAfter: abandonedAfter(spec.faults, spec.seed, request, intendedMs),
      keepsText: true,
    })
    if (session) {
      session.waiting++
      openSessions.set(exchange, session)
    }
    counts.handed++
    if (request !== entry || Number.isNaN(schedule.timesMs[entry]!)) followUps++
    launcher.launch(exchange, builder.build(entry, request, messages))
  }

  function ended(exchange: Exchange, record: RequestRecord): void {
    log.add(record)
    budget?.settle(record)
    if (record.outcome === 'ok') counts.ok++
    else counts.failed++
    counts.outputTokens += record.outputTokens ?? 0
    recent.ttftMs.push(ttftMs(record))
    recent.tpotMs.push(tpotMs(record))
    recent.clientDelayMs.push(record.handedMs - record.intendedMs)
    goOn(exchange, record)
    if (isOver()) finish()
  }

  /** What the answer made due; at the end of the session, the next one of the user. */
  function goOn(exchange: Exchange, record: RequestRecord): void {
    const session = openSessions.get(exchange)
    if (session) {
      openSessions.delete(exchange)
      const call = exchange.index - session.request
      const answer = record.outcome === 'ok' ? textOf(exchange) : null
      for (const due of session.run.end(call, exchange.endedMs, answer))
        launchWhenDue(session, due.call, due.dueMs)
      if (--session.waiting > 0) return
    }
    if (spec.load.kind === 'closed')
      timers.after(exchange.endedMs + spec.load.thinkTimeMs, (dueMs) => {
        const number = nextSession
        nextSession += shard.count
        if (sessions.firstRequest(number) < (spec.requestsMax ?? Infinity)) begin(number, dueMs)
      })
  }

  function due(): void {
    for (; next < entries.length; next++) {
      const intendedMs = schedule.timesMs[entries[next]!]!
      if (intendedMs > now() || intendedMs >= stoppedAtMs) break
      begin(shard.index + next * shard.count, intendedMs)
    }
    prefetch()
  }

  function prefetch(): void {
    if (!sessions.standAlone) return
    ahead = Math.max(ahead, next)
    while (ahead < entries.length && builder.prefetch(entries[ahead]!)) ahead++
  }

  const isOver = () =>
    launcher.inFlight === 0 &&
    (timers.waiting === 0 || now() > stoppedAtMs) &&
    (next >= entries.length || schedule.timesMs[entries[next]!]! >= stoppedAtMs)

  function halt(reason: StopReason, atMs: number): void {
    if (stoppedBy !== 'schedule') return
    stoppedBy = reason
    stoppedAtMs = Math.min(stoppedAtMs, atMs)
  }

  return {
    async prepare() {
      prefetch()
      const scratch = createRecordLog()
      await rehearse({
        spec,
        target: options.target,
        now,
        requests: schedule.timesMs.length / shard.count,
        onRecord: (record) => scratch.add(record),
      })
      await Promise.all([pacer.ready, launcher.warmUp()])
    },
    async run(atMs) {
      startMs = atMs
      const loopDelay = monitorEventLoopDelay({ resolution: 10 })
      loopDelay.enable()
      cpuStart = process.threadCpuUsage()
      const cpuStartMs = clock()
      const over = new Promise<void>((resolve) => {
        finish = resolve
      })
      pacer.start(startMs)
      const sweep = setInterval(() => {
        // The pacer wakes it in time; should that thread ever fail, requests are late and flagged, not lost.
        due()
        launcher.sweep()
        const isCut = stoppedBy === 'interrupt' || now() > stoppedAtMs + spec.graceMs
        if (isCut) launcher.abortAll('unfinished_at_cutoff')
        if (now() >= stoppedAtMs && isOver()) finish()
      }, sweepEveryMs)
      const progress = setInterval(tell, progressEveryMs)
      if (entries.length === 0) finish()
      await over
      clearInterval(sweep)
      clearInterval(progress)
      timers.clear()
      await pacer.stop()
      tell()
      launcher.close()
      loopDelay.disable()
      const cpu = process.threadCpuUsage(cpuStart)
      const result: DriverResult = {
        scheduled:
          entries.filter((entry) => schedule.timesMs[entry]! < stoppedAtMs).length + followUps,
        inFlightAreaMs: launcher.areaMs(),
        cpuShare: (cpu.user + cpu.system) / 1000 / Math.max(1, clock() - cpuStartMs),
        cpuMs: cpuMs(),
        eventLoopDelayMsP99: Math.max(0, loopDelay.percentile(99) / 1e6 - 10),
        stoppedBy,
        stoppedAtMs,
      }
      return { result, records: log.packed }
    },
    stop() {
      halt('interrupt', now())
      launcher.abortAll('unfinished_at_cutoff')
      if (isOver()) finish()
    },
  }

  function tell(): void {
    options.onProgress?.({
      ...counts,
      inFlight: launcher.inFlight,
      cpuMs: cpuMs(),
      ttftMs: Float64Array.from(recent.ttftMs),
      tpotMs: Float64Array.from(recent.tpotMs),
      clientDelayMs: Float64Array.from(recent.clientDelayMs),
    })
    recent.ttftMs = []
    recent.tpotMs = []
    recent.clientDelayMs = []
  }

  function cpuMs(): number {
    const { user, system } = process.threadCpuUsage(cpuStart)
    return (user + system + pacer.cpuUs()) / 1000
  }
}

/** First calls of this shard's sessions that have a time of their own: those without stand at the end. */
function firstEntries(
  { sessionStarts, timesMs }: PromptSources['schedule'],
  shard: DriverOptions['shard'],
): number[] {
  const entries: number[] = []
  for (let session = shard.index; session < sessionStarts.length - 1; session += shard.count) {
    const entry = sessionStarts[session]!
    if (!Number.isNaN(timesMs[entry]!)) entries.push(entry)
  }
  return entries
}
