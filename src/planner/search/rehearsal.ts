import type { Candidate } from './candidate.ts'
import type { Request } from './screen.ts'
import type { Tail } from './tails.ts'

/** What a candidate did when its load was played to it, request by request. */
export interface Rehearsal {
  /** To those that were played. Null: they came all at once. */
  readonly rateRps: number | null
  readonly requests: number
  /** Of many replicas a part was played its part of the load. */
  readonly replicas: number
  /** Seconds until the last answer was there. */
  readonly seconds: number
  readonly ttft: Tail
  readonly tpot: Tail
  readonly e2e: Tail
}

/**
 * Plays requests to a candidate: `rateRps` a second, all replicas together, or all at once (null). The simulator is
 * handed in, since it stands on the planner.
 */
export type Rehearse = (candidate: Candidate, request: Request, rateRps: number | null) => Rehearsal
