import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { AppError, toAppError } from '../../core/errors.ts'
import type { InjectionSpec } from '../../contract/injection-spec.ts'
import { mergeResults, type Fleet, type FleetResult } from '../drive/fleet.ts'
import { decodeLatencyHistogram } from '../drive/latency-histogram.ts'
import { lowerPriority } from '../drive/priority.ts'
import { createProgressBoard, latencies, type FleetProgress } from '../drive/progress-board.ts'
import { createRunClock } from '../drive/run-clock.ts'
import type { FaultWindow } from '../policy/faults/score-fault.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'
import type { Schedule } from '../policy/workload/schedule.ts'
import type { RunSources } from '../run-sources.ts'
import {
  aliveEveryMs,
  fromAgent,
  hashSchedule,
  lostAfterMs,
  protocolVersion,
  readLines,
  runPath,
  writeLine,
  type FromAgent,
  type ToAgent,
} from './protocol.ts'
import { clientChannel } from './secure-channel.ts'
import { decodeRecords, encodeSources } from './wire-form.ts'

/** Several machines that share one schedule, as one fleet. */
export interface Crew extends Fleet {
  readonly done: Promise<FleetResult & CrewFacts>
}

export interface CrewFacts {
  readonly stealShare: number | null
  readonly clockDriftMs: number
  /** What each machine is, and how far apart its start may have been, at most. */
  readonly machines: readonly string[]
  /** Agents that were lost; what their requests measured is lost with them. */
  readonly lost: readonly string[]
  readonly faults: readonly FaultWindow[]
}

export interface CrewOptions {
  /** `https://host:port` of each. */
  readonly agents: readonly string[]
  readonly token: string
  readonly runId: string
  readonly spec: InjectionSpec
  readonly schedule: Schedule
  readonly sources: RunSources
  readonly apiKey: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly isOwned: boolean
  onProgress(progress: FleetProgress): void
}

/** So that every machine has heard of the start before it comes. */
const startLeadMs = 300
const pings = 8

type Done = Extract<FromAgent, { kind: 'done' }>
type Progress = Extract<FromAgent, { kind: 'progress' }>

/** One machine of the crew. */
interface Member {
  readonly url: string
  readonly ready: Promise<{ machine: string; roundTripMs: number }>
  /** Null: it was lost. */
  readonly done: Promise<{ result: Done; records: RequestRecord[] } | null>
  send(message: ToAgent): void
  /** Why, where it was lost. */
  lostBecause: string
}

/**
 * Gives every agent its share of the schedule and starts all at one moment. Errors of preparing are thrown by `started`
 * and `done`; an agent that is lost later leaves the others going.
 */
export function startCrew(options: CrewOptions): Crew {
  const { agents, spec } = options
  const clock = createRunClock()
  let startMs = Infinity
  const board = createProgressBoard({
    senders: () => alive.size,
    now: () => clock() - startMs,
    onProgress: (progress) => options.onProgress(progress),
  })
  const members = agents.map((url, index) =>
    joinAgent(url, options, index * spec.workers, (progress) =>
      board.take(index, progress, (recent) => {
        for (const name of latencies) recent[name].merge(decodeLatencyHistogram(progress[name]))
      }),
    ),
  )
  const alive = new Set(members)
  for (const member of members)
    void member.done.then(
      (result) => result === null && alive.delete(member),
      () => alive.delete(member),
    )

  const started = Promise.all(members.map(({ ready }) => ready)).then((all) => {
    startMs = clock() + startLeadMs
    members.forEach((member, index) =>
      member.send({
        kind: 'go',
        inMs: startMs - clock() - all[index]!.roundTripMs / 2,
      }),
    )
    return startMs
  })

  async function finish(): Promise<FleetResult & CrewFacts> {
    const prepared = await Promise.all(members.map(({ ready }) => ready)).catch(
      (thrown: unknown) => {
        for (const member of members) member.send({ kind: 'stop' })
        throw thrown
      },
    )
    await started
    const ended = await Promise.all(members.map(({ done }) => done))
    board.flush()
    const results = ended.filter((one) => one !== null)
    const lost = members.filter((_, index) => ended[index] === null)
    if (results.length === 0)
      throw new AppError('injection/agent', {
        message: `every agent was lost: ${lost.map(({ lostBecause }) => lostBecause).join('; ')}`,
      })
    const merged = mergeResults(
      results.map(({ result, records }) => ({ ...result, records })),
      results.map(({ result }) => result.priority).reduce(lowerPriority),
    )
    const steals = results.flatMap(({ result }) => result.stealShare ?? [])
    return {
      ...merged,
      scheduled:
        merged.scheduled + unsent(options.schedule, agents, spec, lost, merged.stoppedAtMs),
      stealShare: steals.length === 0 ? null : Math.max(...steals),
      clockDriftMs: results
        .map(({ result }) => result.clockDriftMs)
        .reduce((worst, drift) => (Math.abs(drift) > Math.abs(worst) ? drift : worst), 0),
      machines: prepared.map(
        ({ machine, roundTripMs }) => `${machine}, start within ${(roundTripMs / 2).toFixed(2)} ms`,
      ),
      lost: lost.map(({ lostBecause }) => lostBecause),
      faults: mergeWindows(
        spec,
        results.map(({ result }) => result),
      ),
    }
  }

  const done = finish()
  done.catch(() => {})
  started.catch(() => {})
  return {
    started,
    done,
    stop() {
      for (const member of members) member.send({ kind: 'stop' })
    },
  }
}

function joinAgent(
  url: string,
  options: CrewOptions,
  firstShard: number,
  onProgress: (progress: Progress) => void,
): Member {
  const ready = Promise.withResolvers<{ machine: string; roundTripMs: number }>()
  const done = Promise.withResolvers<{ result: Done; records: RequestRecord[] } | null>()
  const { spec, agents } = options
  const clock = createRunClock()
  const member = { url, lostBecause: '' }
  let isPrepared = false
  const call: ClientRequest = requestHttps(new URL(runPath, url), {
    ...clientChannel(options.token),
    // A connection of another run may have been made with another token.
    agent: false,
    method: 'POST',
    headers: {
      'content-type': 'application/x-ndjson',
      'transfer-encoding': 'chunked',
    },
  })
  const send = (message: ToAgent) => writeLine(call, message)
  const alive = setInterval(() => send({ kind: 'alive' }), aliveEveryMs)
  const silence = setTimeout(() => fail(new Error('it fell silent')), lostAfterMs)

  function fail(thrown: unknown): void {
    const message = `${url}: ${(thrown as Error).message}`
    member.lostBecause = message
    // Before the start there is nothing to save: the run does not begin.
    if (isPrepared) done.resolve(null)
    else
      ready.reject(
        thrown instanceof AppError
          ? new AppError('injection/agent', {
              message,
              ...(thrown.hint ? { hint: thrown.hint } : {}),
            })
          : new AppError('injection/agent', { message, cause: thrown }),
      )
    end()
  }
  function end(): void {
    clearInterval(alive)
    clearTimeout(silence)
    call.end()
    call.destroy()
  }

  async function listen(response: IncomingMessage): Promise<void> {
    const roundTrips: number[] = []
    const records: RequestRecord[] = []
    let machine = ''
    for await (const message of readLines(response, fromAgent)) {
      silence.refresh()
      if (message.kind === 'ready') {
        machine = message.machine
        send({ kind: 'ping', sentMs: clock() })
      } else if (message.kind === 'pong') {
        roundTrips.push(clock() - message.sentMs)
        if (roundTrips.length < pings) send({ kind: 'ping', sentMs: clock() })
        else {
          isPrepared = true
          ready.resolve({ machine, roundTripMs: Math.min(...roundTrips) })
        }
      } else if (message.kind === 'progress') onProgress(message)
      else if (message.kind === 'records') records.push(...decodeRecords(message.records))
      else if (message.kind === 'done') {
        done.resolve({ result: message, records })
        return end()
      } else if (message.kind === 'failed')
        throw new AppError('injection/agent', { message: `${message.code}: ${message.message}` })
    }
    throw new Error('it ended before its run did')
  }

  call.once('response', (response) => {
    if (response.statusCode === 200) return void listen(response).catch(fail)
    response.resume()
    fail(
      new Error(
        `it answered ${response.statusCode}${response.statusCode === 409 ? ', it is busy' : ''}`,
      ),
    )
  })
  call.on('error', (thrown: NodeJS.ErrnoException) =>
    fail(
      /^(EPROTO|ERR_SSL_)/.test(thrown.code ?? '')
        ? new Error('the token is wrong, or it is no agent of this version')
        : toAppError(thrown),
    ),
  )
  send({
    kind: 'prepare',
    version: protocolVersion,
    runId: options.runId,
    spec,
    sources: encodeSources(options.sources),
    scheduleHash: hashSchedule(options.schedule),
    apiKey: options.apiKey ?? null,
    headers: { ...options.headers },
    shards: { first: firstShard, count: agents.length * spec.workers },
    isOwned: options.isOwned,
  })
  return Object.assign(member, { ready: ready.promise, done: done.promise, send })
}

/** First requests of the shards that lost agents had, as far as the run went. */
function unsent(
  { sessionStarts, timesMs }: Schedule,
  agents: readonly string[],
  { workers }: InjectionSpec,
  lost: readonly Member[],
  stoppedAtMs: number,
): number {
  const shardCount = agents.length * workers
  const isLost = new Set(lost.map(({ url }) => agents.indexOf(url)))
  let count = 0
  for (let session = 0; session < sessionStarts.length - 1; session++)
    if (
      isLost.has(Math.floor((session % shardCount) / workers)) &&
      timesMs[sessionStarts[session]!]! < stoppedAtMs
    )
      count++
  return count
}

/** A fault of connections is made on every machine; it lasted from the first onset to the last end. */
function mergeWindows(spec: InjectionSpec, results: readonly Done[]): FaultWindow[] {
  const byFault = Map.groupBy(
    results.flatMap(({ faults }) => faults),
    ({ index }) => index,
  )
  return [...byFault].map(([index, windows]) => ({
    spec: spec.faults[index]!,
    fromMs: Math.min(...windows.map(({ fromMs }) => fromMs)),
    toMs: Math.max(...windows.map(({ toMs }) => toMs)),
    isUndone: windows.every(({ isUndone }) => isUndone),
    note: [...new Set(windows.map(({ note }) => note).filter(Boolean))].join('; '),
  }))
}
