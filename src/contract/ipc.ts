/** Messages between the supervisor and its children, over Node's IPC channel. */

/** Child → supervisor. */
export type ChildMessage =
  /** At least once a second from the event loop; silence means frozen. */
  | { readonly type: 'heartbeat' }
  /** Listening and able to work. */
  | { readonly type: 'ready'; readonly port: number }
  /** For the person at the terminal: "turning the bundled model into GGUF, 40 %". */
  | {
      readonly type: 'progress'
      readonly topic: string
      readonly text: string
      readonly isDone: boolean
    }
  /** Made on first start; the plain key exists only in this message. */
  | { readonly type: 'key-created'; readonly key: string }
  /** Can't go on and a restart would not help: a coded error for the person. */
  | {
      readonly type: 'fatal'
      readonly code: string
      readonly message: string
      readonly hint: string
    }
  | LimitAsk
  | LimitReturn
  | Wake

/** Supervisor → child. */
export type SupervisorMessage =
  /** Finish what is in flight, then end. */
  { readonly type: 'drain' } | LimitGrant | LimitRecall | Wake

/** Requests wait for a model that sleeps: from a gateway over the supervisor to control, again while they wait. */
export interface Wake {
  readonly type: 'wake'
  readonly route: string
}

/**
 * What a gateway has used of a key's limit since its last message about it. Rides along with every ask and return,
 * so that the supervisor always decides on what it was told last.
 */
export interface LimitUse {
  /** Taken out of the lease. */
  readonly requests: number
  readonly tokens: number
  /** Used without a lease: while the supervisor was silent, or more tokens than were estimated. */
  readonly requestsOwed: number
  readonly tokensOwed: number
  /** Tokens reserved but not needed: age of the reservation in seconds, tokens, age, tokens, … */
  readonly refunds: readonly number[]
}

/** A gateway wants part of a key's limit for its own requests. Windows: see gateway/policy/limit-authority.ts. */
export interface LimitAsk {
  readonly type: 'limit-ask'
  readonly ask: number
  readonly key: string
  /** Null: that side has no limit, and its amounts mean nothing. */
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  /** Least that the request at hand needs beyond what is leased. Both 0: asks ahead, any answer will do. */
  readonly requests: number
  readonly tokens: number
  /** What it would like to get, from its recent rate. */
  readonly requestsWanted: number
  readonly tokensWanted: number
  readonly use: LimitUse
}

/** Use since the last message, and unused lease given back. */
export interface LimitReturn {
  readonly type: 'limit-return'
  readonly key: string
  readonly requests: number
  readonly tokens: number
  /** The recall this answers; null: on its own account. */
  readonly recall: number | null
  readonly use: LimitUse
}

export interface LimitGrant {
  readonly type: 'limit-grant'
  readonly ask: number
  readonly key: string
  /** Both 0: refused. */
  readonly requests: number
  readonly tokens: number
  /** Left for everybody after this grant. */
  readonly requestsRemaining: number
  readonly tokensRemaining: number
  /** Until the refused amount is free; 0 where something was granted. */
  readonly retryAfterMs: number
  /** Until all of the limit is free again. */
  readonly resetRequestsMs: number
  readonly resetTokensMs: number
}

/** The supervisor needs unused leases back to decide exactly. */
export interface LimitRecall {
  readonly type: 'limit-recall'
  readonly key: string
  readonly recall: number
}
