import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { Random } from '../core/random.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Endpoint, JournalClose } from '../contract/journal.ts'
import type { BodyBudget } from './http/body-reader.ts'
import type { HoldQueue } from './hold-queue.ts'
import type { Journal } from './journal.ts'
import type { Limiter } from './limiter.ts'
import type { Policy } from './policy/policy.ts'
import type { Shedding } from './policy/shed.ts'
import type { RouteTable } from './route-table.ts'
import type { TimingWheel } from './timing-wheel.ts'

/** What the gateway tells the metric table. Called on the request path: cheap. */
export interface GatewayMeter {
  /** A request that was admitted has ended. */
  finished(event: JournalClose): void
  /** One that was refused before admission. */
  refused(code: ErrorCode, endpoint: Endpoint | null): void
}

interface GatewayTimes {
  readonly holdTimeoutMs: number
  readonly idleTimeoutMs: number
  /** How often a stream that waits for a replica gets a sign of life. */
  readonly heartbeatMs: number
}

/** What every request of the process shares. */
export interface Shell {
  readonly clock: Clock
  readonly random: Random
  readonly times: GatewayTimes
  readonly table: RouteTable
  readonly limiter: Limiter
  readonly journal: Journal
  readonly wheel: TimingWheel
  readonly holds: HoldQueue
  readonly bodies: BodyBudget
  readonly policy: Policy
  readonly shedding: Shedding
  readonly meter: GatewayMeter
  readonly log: Log
  /** Asked for in the config: what was sent goes to the log. */
  readonly logsPrompts: boolean
  /** Takes a newer snapshot, if there is one: what was acknowledged a moment ago is not denied. */
  readonly catchUp: () => void
  /** Asks control to start a model that sleeps. */
  wake(route: string): void
  isDraining: boolean
  /** Requests between their head and their last byte. */
  active: number
}
