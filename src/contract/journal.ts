/**
 * The usage journal: one JSON line when a request is admitted, one when it ends. The end is on disk before the
 * last byte leaves for the client, so an answered request is never forgotten. The end line is also the request's
 * wide event. Prompts and answers are never in it.
 */
export interface JournalOpen {
  readonly t: 'open'
  /** Request id, unique for ever: replaying a line twice changes nothing. */
  readonly id: string
  readonly atMs: number
  readonly key: string
  readonly route: string
  readonly endpoint: Endpoint
  readonly stream: boolean
  /** Tokens reserved against the limit. */
  readonly estimatedTokens: number
}

export interface JournalClose {
  readonly t: 'close'
  readonly id: string
  readonly atMs: number
  readonly key: string
  readonly route: string
  readonly endpoint: Endpoint
  readonly stream: boolean
  readonly deployment: string | null
  readonly replica: string | null
  readonly outcome: Outcome
  readonly status: number
  /** Error code where the outcome is not `ok`. */
  readonly error: string | null
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
  /** True where the engine did not tell and the gateway counted. */
  readonly isEstimated: boolean
  /** From the last request byte to the first byte of content. Null: none came. */
  readonly ttftMs: number | null
  readonly e2eMs: number
  /** Waited for a ready replica. */
  readonly holdMs: number
  /** Mean gap between content chunks. Null below two chunks. */
  readonly itlMsMean: number | null
  readonly attempts: number
  readonly requestBytes: number
  readonly responseBytes: number
}

export type JournalRecord = JournalOpen | JournalClose
export type Endpoint = 'chat' | 'completions' | 'embeddings'
/** Exclusive and complete: each request ends in exactly one. */
export type Outcome = 'ok' | 'cancelled' | 'rejected' | 'failed' | 'timeout'
