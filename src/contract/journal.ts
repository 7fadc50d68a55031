/**
 * The usage journal: one JSON line when a request is admitted, one when it ends. No byte of an answer leaves before
 * the opening line is on disk, and not the last byte before the closing one is, so an answered request is never
 * forgotten. The closing line is also the request's wide event. Prompts and answers are never in it.
 *
 * Files: `journal/gateway-INDEX-STARTED-SEQUENCE.ndjson`, appended to by one process, which goes on to the next
 * sequence number at 8 MB. A file is complete when the same INDEX-STARTED has a higher sequence, or when its process
 * has ended; then whoever replays it may delete it. `run/gateway-INDEX.json` (GatewayRecord) names the process and
 * its STARTED. A process that was killed can leave a last line without its newline: skip it. A request that was
 * opened and never closed, in files that are complete, was cut off by the end of its process.
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
  /** The `x-request-id` that the client chose; null: it left that to the gateway, which used `id`. */
  readonly clientId: string | null
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
  /** Replicas that it failed on before. Absent: none. */
  readonly failedOn?: readonly string[] | undefined
  /** Where another replica reads the prompts. */
  readonly prefill?: PrefillRecord | undefined
  readonly requestBytes: number
  readonly responseBytes: number
}

export interface PrefillRecord {
  readonly deployment: string | null
  /** Null: the one that answered read the prompt as well, for such a reason. */
  readonly replica: string | null
  readonly reason: string
  /** Until its answer came. Null: there was none, or none that was waited for. */
  readonly ms: number | null
}

export type JournalRecord = JournalOpen | JournalClose
export type Endpoint = 'chat' | 'completions' | 'embeddings'
/** Exclusive and complete: each request ends in exactly one. */
export type Outcome = 'ok' | 'cancelled' | 'rejected' | 'failed' | 'timeout'

/** `journal/` file name of a gateway process. */
export const journalFileName = (index: number, startedAtMs: number, sequence: number): string =>
  `gateway-${index}-${startedAtMs}-${sequence}.ndjson`

export interface JournalFile {
  readonly index: number
  readonly startedAtMs: number
  readonly sequence: number
}

/** Null: not a journal file. */
export function parseJournalFileName(name: string): JournalFile | null {
  const match = /^gateway-(\d+)-(\d+)-(\d+)\.ndjson$/.exec(name)
  if (!match) return null
  return { index: Number(match[1]), startedAtMs: Number(match[2]), sequence: Number(match[3]) }
}
