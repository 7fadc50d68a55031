import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { Config } from '../contract/config.ts'
import type { PairProtocol } from '../engines/pairing.ts'
import type { LimitAsk, LimitGrant, LimitRecall, LimitReturn, Wake } from '../contract/ipc.ts'
import { createGatewayServer, type PublicPages } from './http/server.ts'
import { createHoldQueue } from './hold-queue.ts'
import { createJournal } from './journal.ts'
import { createLimiter } from './limiter.ts'
import { createLoopWatch } from './loop-watch.ts'
import { createMemoryRest } from './memory-rest.ts'
import { choosePowerOfTwo } from './policy/choose.ts'
import { createShedding } from './policy/shed.ts'
import { createRouteTable } from './route-table.ts'
import type { GatewayMeter, Shell } from './shell.ts'
import { createSnapshotWatch } from './snapshot-watch.ts'
import { createTimingWheel, tickMs } from './timing-wheel.ts'

export interface GatewayOptions {
  readonly index: number
  readonly gateways: number
  readonly dataDirectory: string
  readonly startedAtMs: number
  readonly config: Config['gateway']
  /** Longest silence in the middle of a request body. */
  readonly bodySilenceMs?: number
  readonly heartbeatMs?: number
  readonly logsPrompts?: boolean
  /** `false` where its clients run in the same process: their work would be taken for its own. */
  readonly shedsLoad?: boolean
}

export interface GatewayDeps {
  readonly log: Log
  readonly meter: GatewayMeter
  readonly pages: PublicPages
  /** How replicas of a pair are spoken to, by the name that the snapshot gives (`engines/pairings.ts`). */
  readonly pairings?: ReadonlyMap<string, PairProtocol>
  sendToSupervisor(message: LimitAsk | LimitReturn | Wake): void
}

/** Figures of the moment, for the metric table. */
interface GatewayState {
  readonly activeRequests: number
  readonly heldRequests: number
  readonly bodyBytes: number
  readonly journalPendingBytes: number
  readonly shedShare: number
  readonly snapshotVersion: number
  readonly loopLagMsP99: number
}

export interface Gateway {
  /** Resolves with the port when clients can connect. */
  listen(): Promise<number>
  receive(message: LimitGrant | LimitRecall): void
  state(): GatewayState
  /**
   * Takes no more, finishes what is in flight, at most so long; then cuts off the rest. Resolves when all records are
   * on disk or can't be written.
   */
  drain(graceMs: number): Promise<void>
}

const loopWindowTicks = 5
/** SDKs and proxies give up after 60 s of silence or more. The first beat settles the status: not too early. */
const heartbeatMs = 5000
/** A control that has just been restarted has not heard it. */
const wakeEveryMs = 1000
/** For what is cut off to be recorded, and for a full disk to take it. */
const cutMs = 1000

export function createGateway(options: GatewayOptions, deps: GatewayDeps): Gateway {
  const { config, dataDirectory } = options
  const { log } = deps
  const shedding = createShedding()
  const table = createRouteTable(systemClock, deps.pairings)
  const holds = createHoldQueue()
  const wheel = createTimingWheel()
  const loop = createLoopWatch(options.shedsLoad === false ? createShedding() : shedding)
  const rest = createMemoryRest(() => systemClock.monotonicMs())
  const journal = createJournal(
    { directory: join(dataDirectory, 'journal'), ...options },
    (thrown) => log.error({ err: thrown }, 'the usage journal can not be written'),
  )
  const limiter = createLimiter({
    gateways: options.gateways,
    nowMs: () => systemClock.monotonicMs(),
    send: (message) => deps.sendToSupervisor(message),
  })
  const shell: Shell = {
    clock: systemClock,
    random: Math.random,
    times: {
      holdTimeoutMs: config.holdTimeout,
      idleTimeoutMs: config.idleTimeout,
      heartbeatMs: options.heartbeatMs ?? heartbeatMs,
    },
    table,
    limiter,
    journal,
    wheel,
    holds,
    bodies: {
      bodyMax: config.bodyMax,
      bodiesMax: config.bodiesMax,
      silenceMs: options.bodySilenceMs ?? 10_000,
      usedBytes: 0,
    },
    policy: choosePowerOfTwo,
    shedding,
    meter: deps.meter,
    log,
    logsPrompts: options.logsPrompts ?? false,
    catchUp: () => watch.poll(),
    wake: createWaker((route) => deps.sendToSupervisor({ type: 'wake', route })),
    isDraining: false,
    active: 0,
  }
  const server = createGatewayServer(shell, deps.pages)
  const watch = createSnapshotWatch(join(dataDirectory, 'run', 'snapshot.json'), {
    onSnapshot(snapshot) {
      table.apply(snapshot)
      log.debug({ version: snapshot.version }, 'took a new snapshot')
      holds.wake()
    },
    onTrouble: (thrown) => log.warn({ err: thrown }, 'the snapshot can not be read'),
  })

  let ticks = 0
  const tick = () => {
    watch.poll()
    wheel.turn()
    limiter.tick()
    journal.retry()
    // Breakers let a request through again after a while, and nobody tells.
    if (holds.size > 0) holds.wake()
    if (++ticks % loopWindowTicks !== 0) return
    loop.observe()
    rest.observe(shell.active > 0)
  }
  watch.poll()
  const ticker = setInterval(tick, tickMs)

  return {
    async listen() {
      const { host, port } = config
      return listen(server, { host, port, reusePort: process.platform === 'linux' && port !== 0 })
    },
    receive: (message) => limiter.receive(message),
    state: () => ({
      activeRequests: shell.active,
      heldRequests: holds.size,
      bodyBytes: shell.bodies.usedBytes,
      journalPendingBytes: journal.pendingBytes,
      shedShare: shedding.share,
      snapshotVersion: table.version,
      loopLagMsP99: loop.lagMsP99,
    }),
    async drain(graceMs) {
      shell.isDraining = true
      // Also closes connections that wait idle for their next request.
      server.close()
      await until(() => shell.active === 0, graceMs)
      server.closeAllConnections()
      await until(() => shell.active === 0, cutMs)
      await until(() => journal.pendingBytes === 0, cutMs)
      limiter.close()
      clearInterval(ticker)
      watch.close()
      loop.close()
      journal.close()
      await table.close()
    },
  }
}

/** Tells once in a while, however many wait. */
function createWaker(tell: (route: string) => void): (route: string) => void {
  const toldAtMs = new Map<string, number>()
  return (route) => {
    const now = systemClock.monotonicMs()
    if (now - (toldAtMs.get(route) ?? -Infinity) < wakeEveryMs) return
    toldAtMs.set(route, now)
    tell(route)
  }
}

function listen(
  server: Server,
  place: { readonly host: string; readonly port: number; readonly reusePort: boolean },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(place, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** True, or that much time has passed. */
function until(isTrue: () => boolean, timeoutMs: number): Promise<void> {
  const lateMs = systemClock.monotonicMs() + timeoutMs
  return new Promise((resolve) => {
    const check = () => {
      if (isTrue() || systemClock.monotonicMs() >= lateMs) resolve()
      else setTimeout(check, 20)
    }
    check()
  })
}
