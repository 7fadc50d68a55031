import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { hostname, availableParallelism } from 'node:os'
import { AppError, toAppError } from '../../core/errors.ts'
import { startFleet, type Fleet } from '../drive/fleet.ts'
import { watchMachine } from '../drive/machine-watch.ts'
import { createRunClock } from '../drive/run-clock.ts'
import { resolveTarget } from '../drive/target.ts'
import { isOfConnections, prepareFaults } from '../faults/fault-runner.ts'
import { buildSchedule } from '../policy/workload/schedule.ts'
import { scheduleSources, threadSources } from '../run-sources.ts'
import {
  aliveEveryMs,
  hashSchedule,
  lostAfterMs,
  readLines,
  runPath,
  toAgent,
  writeLine,
  type FromAgent,
  type ToAgent,
} from './protocol.ts'
import { serverChannel } from './secure-channel.ts'
import { decodeSources, encodeRecords } from './wire-form.ts'

/** A machine that sends a share of somebody else's load. */
export interface Agent {
  readonly url: string
  close(): Promise<void>
}

export interface AgentOptions {
  readonly host: string
  readonly port: number
  readonly token: string
  /** Hosts that may be loaded beside this machine itself; `*`: any. */
  readonly allowed: readonly string[]
  /** Ask the system to run its threads before others; true where not said. */
  readonly isUrgent?: boolean
  onEvent?(text: string): void
}

type Prepare = Extract<ToAgent, { kind: 'prepare' }>
/** Records a line. */
const partSize = 2000

/** Takes one run at a time, from whoever has the token, over an encrypted connection only. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  let isBusy = false
  const server = createServer(serverChannel(options.token), (request, response) => {
    if (request.method !== 'POST' || request.url !== runPath)
      return refuse(response, 404, `only POST ${runPath} is served`)
    if (isBusy) return refuse(response, 409, 'a run is going on')
    isBusy = true
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    response.flushHeaders()
    void serveRun(request, response, options).finally(() => {
      isBusy = false
      response.end()
    })
  })
  // A run is one request, and as long as it is.
  server.requestTimeout = 0
  server.on('tlsClientError', () =>
    options.onEvent?.('refused a connection: another token, or not encrypted'),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  }).catch((cause: unknown) => {
    throw new AppError('injection/agent', {
      message: `can't listen on ${options.host}:${options.port}: ${(cause as Error).message}`,
      cause,
    })
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `https://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function serveRun(
  request: IncomingMessage,
  response: ServerResponse,
  options: AgentOptions,
): Promise<void> {
  const tell = (message: FromAgent) => writeLine(response, message)
  const alive = setInterval(() => tell({ kind: 'alive' }), aliveEveryMs)
  const lost = setTimeout(
    () => request.destroy(new Error('the coordinator is silent')),
    lostAfterMs,
  )
  const go = Promise.withResolvers<number>()
  const running: { fleet: Fleet | null } = { fleet: null }
  let run: Promise<void> | null = null
  go.promise.catch(() => {})
  try {
    for await (const message of readLines(request, toAgent)) {
      lost.refresh()
      if (message.kind === 'ping') tell({ kind: 'pong', sentMs: message.sentMs })
      else if (message.kind === 'go') go.resolve(createRunClock()() + message.inMs)
      else if (message.kind === 'stop') running.fleet?.stop()
      else if (message.kind === 'prepare') {
        if (run !== null) throw new AppError('injection/agent', { message: 'one run a connection' })
        options.onEvent?.(`${message.runId}: ${message.spec.url}`)
        run = runShare(
          message,
          options,
          go.promise,
          tell,
          (fleet) => (running.fleet = fleet),
        ).catch((thrown: unknown) => {
          const { code, message: text } = toAppError(thrown)
          tell({ kind: 'failed', code, message: text })
        })
        void run.then(() => response.end())
      }
    }
  } catch (thrown) {
    options.onEvent?.(`lost: ${(thrown as Error).message}`)
  } finally {
    clearInterval(alive)
    clearTimeout(lost)
    go.reject(new AppError('injection/agent', { message: 'the coordinator is gone' }))
    // Nobody is left who could end the load.
    running.fleet?.stop()
    await run
    options.onEvent?.('idle')
  }
}

async function runShare(
  prepare: Prepare,
  { allowed, isUrgent = true }: AgentOptions,
  go: Promise<number>,
  tell: (message: FromAgent) => void,
  onFleet: (fleet: Fleet) => void,
): Promise<void> {
  const { spec, runId, apiKey, headers, shards, isOwned } = prepare
  const target = await resolveTarget(spec.url, spec.endpoint, apiKey ?? undefined, headers)
  if (!isLoopback(target.address) && !allowed.includes('*') && !allowed.includes(target.host))
    throw new AppError('injection/agent', {
      message: `this agent may not load ${target.host}`,
      hint: `Start it with --allow ${target.host}.`,
    })
  const sources = decodeSources(prepare.sources)
  const schedule = buildSchedule(spec, scheduleSources(sources))
  if (hashSchedule(schedule) !== prepare.scheduleHash)
    throw new AppError('injection/agent', {
      message: 'this agent computes another schedule: it runs another version',
    })
  const mine = [...spec.faults.entries()].filter(([, fault]) => isOfConnections(fault))
  const faults = await prepareFaults(
    mine.map(([, fault]) => fault),
    target,
    { isOwned, seed: spec.seed },
  )
  const machine = watchMachine()
  const fleet = startFleet({
    runId,
    target: faults?.target ?? target,
    workers: spec.workers,
    isUrgent,
    shards,
    sources: threadSources(spec, schedule, sources),
    startAt: () => {
      tell({ kind: 'ready', machine: `${hostname()}, ${availableParallelism()} cores` })
      return go
    },
    onProgress: ({ ttftMs, tpotMs, clientDelayMs, ...counts }) =>
      tell({
        kind: 'progress',
        ...counts,
        ttftMs: ttftMs.encode(),
        tpotMs: tpotMs.encode(),
        clientDelayMs: clientDelayMs.encode(),
      }),
  })
  onFleet(fleet)
  void fleet.started.then(
    (startMs) => faults?.start(startMs),
    () => {},
  )
  try {
    const { records, ...result } = await fleet.done
    const windows = (await faults?.end()) ?? []
    for (let from = 0; from < records.length; from += partSize)
      tell({ kind: 'records', records: encodeRecords(records.slice(from, from + partSize)) })
    tell({
      kind: 'done',
      ...result,
      ...machine.end(),
      faults: windows.map(({ spec: of, ...window }) => ({
        index: mine.find(([, fault]) => fault === of)![0],
        ...window,
      })),
    })
  } finally {
    await faults?.end()
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
  response.end(JSON.stringify({ error: { message } }))
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'
