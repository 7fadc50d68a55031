import type { InjectionSpec } from '../../contract/injection-spec.ts'
import type { Ending, Exchange } from '../policy/measurement/exchange.ts'
import { recordOf, type RequestRecord } from '../policy/measurement/record.ts'
import type { Connection } from './connection.ts'
import { createPool } from './pool.ts'
import type { Target } from './target.ts'

/** Requests in flight: connections, deadlines, and what became of each. */
export interface Launcher {
  /** Opens a first connection and runs its code once, so that the first request is not the slowest. */
  warmUp(): Promise<void>
  /** Sends at once, or sheds where too many are in flight: it never waits for a free place. */
  launch(exchange: Exchange, request: Buffer): void
  abortAll(ending: Ending): void
  /** Ends what is past its deadline. */
  sweep(): void
  close(): void
  readonly inFlight: number
  /** Integral of the number in flight so far. */
  areaMs(): number
}

export interface LauncherOptions {
  readonly spec: InjectionSpec
  readonly target: Target
  /** Milliseconds on the run's clock. */
  readonly now: () => number
  readonly inFlightMax: number
  onEnd(exchange: Exchange, record: RequestRecord): void
}

const readBufferBytes = 256 * 1024

export function createLauncher(options: LauncherOptions): Launcher {
  const { spec, now } = options
  /**
   * In flight, in no order; each knows its place, and one that ends is filled up by the last: go through them from
   * the end. Not a map: V8 keeps what the emptied tables of a busy one held until
   * the next full collection.
   */
  const active: Connection[] = []
  let areaMs = 0
  let changedAtMs = 0

  const pool = createPool({
    target: options.target,
    now,
    readBuffer: Buffer.allocUnsafeSlow(readBufferBytes),
    onEnd(connection, exchange, isReusable) {
      if (isReusable) pool.give(connection)
      count(exchange.endedMs)
      const last = active.pop()!
      if (last !== connection) {
        active[connection.place] = last
        last.place = connection.place
      }
      options.onEnd(exchange, recordOf(exchange, spec.request.hasDoneMarker))
    },
    onIdleClose: (connection) => pool.forget(connection),
  })

  /** Brings the integral up to a stamp; called before every change of the number in flight. */
  function count(atMs: number): void {
    areaMs += active.length * (atMs - changedAtMs)
    changedAtMs = atMs
  }

  return {
    warmUp: () => pool.warmUp(),
    launch(exchange, request) {
      if (active.length >= options.inFlightMax) {
        exchange.ending = 'shed_by_client'
        exchange.endedMs = now()
        options.onEnd(exchange, recordOf(exchange, spec.request.hasDoneMarker))
        return
      }
      const connection = pool.take(now())
      connection.send(exchange, request)
      count(exchange.handedMs)
      connection.place = active.push(connection) - 1
    },
    abortAll(ending) {
      for (let place = active.length - 1; place >= 0; place--) active[place]!.abort(ending)
    },
    sweep() {
      const nowMs = now()
      for (let place = active.length - 1; place >= 0; place--) {
        const { exchange, isConnected } = active[place]!
        const ending = exchange && expired(exchange, isConnected, nowMs, spec.timeouts)
        if (ending) active[place]!.abort(ending)
      }
    },
    close: () => pool.close(),
    get inFlight() {
      return active.length
    },
    areaMs() {
      count(now())
      return areaMs
    },
  }
}

function expired(
  exchange: Exchange,
  isConnected: boolean,
  nowMs: number,
  timeouts: InjectionSpec['timeouts'],
): Ending | null {
  const { handedMs, contentMs, doneMs, isStreaming } = exchange
  if (nowMs - handedMs > timeouts.totalMs) return 'timeout_total'
  if (!isConnected && nowMs - handedMs > timeouts.connectMs) return 'timeout_connect'
  if (!isStreaming || !Number.isNaN(doneMs)) return null
  const lastMs = contentMs.at(-1)
  if (lastMs === undefined) return nowMs - handedMs > timeouts.ttftMs ? 'timeout_ttft' : null
  return nowMs - lastMs > timeouts.stallMs ? 'timeout_stall' : null
}
