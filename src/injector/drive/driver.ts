import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { InjectionSpec } from '../../contract/injection.ts'
import { createExchange, textOf, type Exchange } from '../policy/measurement/exchange.ts'
import { tpotMs, ttftMs } from '../policy/measurement/latency.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'
import type { BodySources, Message } from '../policy/request-body.ts'
import { createBudget } from './budget.ts'
import { createLauncher } from './launcher.ts'
import { createThreadPacer } from './pacer.ts'
import { lowerPriority, takePriority, type Priority } from './priority.ts'
import { createRequestBuilder } from './request-builder.ts'
import type { RunClock } from './run-clock.ts'
import type { Target } from './target.ts'

export interface DriverOptions {
  readonly runId: string
  readonly sources: BodySources
  readonly target: Target
  readonly clock: RunClock
  /** This driver takes the sessions k with k mod count = index. */
  readonly shard: { readonly index: number; readonly count: number }
  /** Ask the system to run this thread and its pacer before others. */
  readonly isUrgent: boolean
  /** Twice a second. */
  onProgress?(progress: DriverProgress): void
}

export interface DriverProgress {
  readonly handed: number
  readonly ok: number
  readonly failed: number
  readonly inFlight: number
  readonly outputTokens: number
  /** Of the requests that ended since the last report. */
  readonly ttftMs: readonly number[]
  readonly tpotMs: readonly number[]
  readonly clientDelayMs: readonly number[]
}

export interface DriverResult {
  readonly records: RequestRecord[]
  /** Requests whose time came before the run stopped, counted from the schedule and not from the records. */
  readonly scheduled: number
  readonly inFlightAreaMs: number
  readonly cpuShare: number
  /** Of this thread and its pacer. */
  readonly cpuMs: number
  readonly eventLoopDelayMsP99: number
  readonly priority: Priority
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
  run(startMs: number): Promise<DriverResult>
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
  const { turns } = schedule
  let startMs = 0
  const now = () => clock() - startMs
  const builder = createRequestBuilder(sources, options.target, options.runId)
  const budget = createBudget(spec.limits, 1 / shard.count)
  const records: RequestRecord[] = []
  const histories = new Map<Exchange, Message[]>()
  const timers = new Set<NodeJS.Timeout>()
  const recent = { ttftMs: [] as number[], tpotMs: [] as number[], clientDelayMs: [] as number[] }
  const counts = { handed: 0, ok: 0, failed: 0, outputTokens: 0 }
  const entries = entriesOf(spec, schedule.timesMs, shard)
  /** Users of a closed loop take the next number from here; threads interleave. */
  let nextNumber = shard.index + entries.length * shard.count
  let next = 0
  /** First entry whose request has not been built yet. */
  let ahead = 0
  let waiting = 0
  /** Requests that the schedule has no time for: later turns, and what users of a closed loop send next. */
  let followUps = 0
  let priority: Priority = 'ordinary'
  let stoppedBy: StopReason = 'schedule'
  let stoppedAtMs = spec.durationMs
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
    isUrgent: options.isUrgent,
    onDue: due,
  })

  /** `request` is the number of the request in the run, `entry` where the schedule describes it. */
  function launch(entry: number, request: number, intendedMs: number, history: Message[]): void {
    const inputTokens = schedule.inputTokens[entry]!
    const outputTokens = schedule.outputTokens[entry]!
    const refusal = budget.reserve(inputTokens, outputTokens)
    if (refusal !== null) return halt(refusal, intendedMs)
    const exchange = createExchange({
      index: request,
      model: schedule.models[entry]!,
      turn: entry % turns,
      endpoint: spec.endpoint,
      isStreaming: spec.request.isStreaming && spec.endpoint !== 'embeddings',
      wantedInputTokens: inputTokens,
      wantedOutputTokens: outputTokens,
      intendedMs,
      keepsText: true,
    })
    if (turns > 1) histories.set(exchange, builder.messagesOf(entry, request, history))
    counts.handed++
    if (request !== entry || Number.isNaN(schedule.timesMs[entry]!)) followUps++
    launcher.launch(exchange, builder.build(entry, request, history))
  }

  function ended(exchange: Exchange, record: RequestRecord): void {
    records.push(record)
    budget.settle(exchange.wantedInputTokens, exchange.wantedOutputTokens, record)
    if (record.outcome === 'ok') counts.ok++
    else counts.failed++
    counts.outputTokens += record.outputTokens ?? 0
    recent.ttftMs.push(ttftMs(record))
    recent.tpotMs.push(tpotMs(record))
    recent.clientDelayMs.push(record.handedMs - record.intendedMs)
    goOn(exchange, record)
    if (isOver()) finish()
  }

  /** The next turn of a conversation, or the next request of a user. */
  function goOn(exchange: Exchange, record: RequestRecord): void {
    const history = histories.get(exchange) ?? []
    histories.delete(exchange)
    const count = schedule.timesMs.length
    const isConversing = exchange.turn + 1 < turns && record.outcome === 'ok'
    if (isConversing) {
      const answer: Message = { role: 'assistant', content: textOf(exchange) }
      const request = exchange.index + 1
      after(exchange.endedMs + spec.workload.thinkTimeMs, (dueMs) =>
        launch(request % count, request, dueMs, [...history, answer]),
      )
    } else if (spec.load.kind === 'closed')
      after(exchange.endedMs + spec.load.thinkTimeMs, (dueMs) => {
        const request = nextNumber
        nextNumber += shard.count
        if (request * turns < (spec.requestsMax ?? Infinity))
          launch((request * turns) % count, request * turns, dueMs, [])
      })
  }

  function after(dueMs: number, act: (dueMs: number) => void): void {
    if (dueMs >= stoppedAtMs) return
    waiting++
    const arm = () => {
      const timer = setTimeout(() => {
        timers.delete(timer)
        // Timers may fire a fraction of a millisecond early; a request never does.
        if (now() < dueMs) return arm()
        waiting--
        if (dueMs < stoppedAtMs) act(dueMs)
        if (isOver()) finish()
      }, dueMs - now())
      timers.add(timer)
    }
    if (now() >= dueMs)
      queueMicrotask(() => {
        waiting--
        act(dueMs)
        if (isOver()) finish()
      })
    else arm()
  }

  function due(): void {
    for (; next < entries.length; next++) {
      const entry = entries[next]!
      const intendedMs = schedule.timesMs[entry]!
      if (intendedMs > now() || intendedMs >= stoppedAtMs) break
      launch(entry, entry, intendedMs, [])
    }
    prefetch()
  }

  function prefetch(): void {
    ahead = Math.max(ahead, next)
    while (ahead < entries.length && builder.prefetch(entries[ahead]!)) ahead++
  }

  const isOver = () =>
    launcher.inFlight === 0 &&
    (waiting === 0 || now() > stoppedAtMs) &&
    (next >= entries.length || schedule.timesMs[entries[next]!]! >= stoppedAtMs)

  function halt(reason: StopReason, atMs: number): void {
    if (stoppedBy !== 'schedule') return
    stoppedBy = reason
    stoppedAtMs = Math.min(stoppedAtMs, atMs)
  }

  return {
    async prepare() {
      prefetch()
      const [ofPacer] = await Promise.all([pacer.ready, launcher.warmUp()])
      priority = lowerPriority(ofPacer, options.isUrgent ? takePriority() : 'ordinary')
    },
    async run(atMs) {
      startMs = atMs
      const loopDelay = monitorEventLoopDelay({ resolution: 10 })
      loopDelay.enable()
      const cpuStart = process.threadCpuUsage()
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
      for (const timer of timers) clearTimeout(timer)
      const pacerCpuUs = await pacer.stop()
      tell()
      launcher.close()
      loopDelay.disable()
      const cpu = process.threadCpuUsage(cpuStart)
      return {
        records,
        scheduled:
          entries.filter((entry) => schedule.timesMs[entry]! < stoppedAtMs).length + followUps,
        inFlightAreaMs: launcher.areaMs(),
        cpuShare: (cpu.user + cpu.system) / 1000 / Math.max(1, clock() - cpuStartMs),
        cpuMs: (cpu.user + cpu.system + pacerCpuUs) / 1000,
        eventLoopDelayMsP99: Math.max(0, loopDelay.percentile(99) / 1e6 - 10),
        priority,
        stoppedBy,
        stoppedAtMs,
      }
    },
    stop() {
      halt('interrupt', now())
      launcher.abortAll('unfinished_at_cutoff')
      if (isOver()) finish()
    },
  }

  function tell(): void {
    options.onProgress?.({ ...counts, inFlight: launcher.inFlight, ...recent })
    recent.ttftMs = []
    recent.tpotMs = []
    recent.clientDelayMs = []
  }
}

/** First turns of this shard's sessions that have a time of their own. */
function entriesOf(
  spec: InjectionSpec,
  timesMs: Float64Array,
  shard: DriverOptions['shard'],
): number[] {
  const { turns } = spec.workload
  const entries: number[] = []
  for (let entry = 0; entry < timesMs.length; entry += turns)
    if ((entry / turns) % shard.count === shard.index && !Number.isNaN(timesMs[entry]!))
      entries.push(entry)
  return entries
}
