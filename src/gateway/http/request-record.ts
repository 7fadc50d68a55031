import type {
  Endpoint,
  JournalClose,
  JournalOpen,
  Outcome,
  PrefillRecord,
} from '../../contract/journal.ts'
import type { SnapshotKey } from '../../contract/snapshot.ts'
import type { LimitAccount } from '../limiter.ts'
import type { Replica } from '../route-table.ts'
import type { CheckedRequest } from './request-check.ts'
import { createRequestId } from './request-id.ts'
import { addLimitHeaders, addWorkHeaders, type HeaderList } from './response-head.ts'
import { Timeline } from './timeline.ts'
import { estimateUsage, type Usage } from './usage.ts'

/**
 * What a request is and what became of it: behind its journal lines, its limits and its headers. Lines are written out
 * field by field: spreading objects into each other costs more than all the rest of a line.
 */
export class RequestRecord {
  readonly id = createRequestId()
  /** The client's own name for it. */
  readonly clientId: string | null
  readonly endpoint: Endpoint
  readonly times: Timeline
  key: SnapshotKey | null = null
  /** Null: the key has no limit. */
  account: LimitAccount | null = null
  reservedTokens = 0
  bodyBytes = 0
  checked: CheckedRequest | null = null
  /** The last that it was sent to. */
  replica: Replica | null = null
  attempts = 0
  /** Replicas it was sent to, each once. */
  readonly tried: string[] = []
  /** Replicas that failed to read its prompt for another one. */
  readonly failedPrefills: string[] = []
  /** Where prompts are read by others: who did it. */
  prefill: PrefillRecord | null = null
  /** What of the prompt was in memory where it was read; null: as the one that answered counted. */
  cachedTokens: number | null = null
  status = 0
  /** As the engine counted. */
  usage: Usage | null = null

  constructor(endpoint: Endpoint, clientId: string | null, nowMs: number) {
    this.endpoint = endpoint
    this.clientId = clientId
    this.times = new Timeline(nowMs)
  }

  /** `isGoingOn`: another replica has read its prompt, and that was when the attempt began. */
  sentTo(replica: Replica, isGoingOn = false): void {
    if (!isGoingOn) this.attempts++
    this.replica = replica
    if (!this.tried.includes(replica.id)) this.tried.push(replica.id)
  }

  /** Counted by the engine, or else estimated from what passed. Work that failed is not. */
  used(outcome: Outcome, contentChunks: number): Usage {
    const isWorkedOn = this.attempts > 0 && (outcome === 'ok' || outcome === 'cancelled')
    const usage = this.usage ?? estimateUsage(this.bodyBytes, contentChunks, isWorkedOn)
    return this.cachedTokens === null ? usage : { ...usage, cachedTokens: this.cachedTokens }
  }

  /** Those that failed before the last one. */
  #failedOn(): readonly string[] | undefined {
    if (this.tried.length <= 1 && this.failedPrefills.length === 0) return undefined
    return [...this.failedPrefills, ...this.tried.slice(0, -1)]
  }

  opening(atMs: number): JournalOpen {
    const { model, stream } = this.checked!
    return {
      t: 'open',
      id: this.id,
      atMs,
      key: this.key!.id,
      route: model,
      endpoint: this.endpoint,
      stream,
      estimatedTokens: this.reservedTokens,
    }
  }

  /** `atMs` of the wall clock, `nowMs` of the monotonic one. */
  closing(
    outcome: Outcome,
    error: string | null,
    usage: Usage,
    sent: { readonly contentChunks: number; readonly bytes: number },
    atMs: number,
    nowMs: number,
  ): JournalClose {
    const { times, replica } = this
    const { model, stream } = this.checked!
    return {
      t: 'close',
      id: this.id,
      atMs,
      key: this.key!.id,
      route: model,
      endpoint: this.endpoint,
      stream,
      deployment: replica?.deployment ?? null,
      replica: replica?.id ?? null,
      outcome,
      status: this.status,
      error,
      clientId: this.clientId,
      promptTokens: usage.promptTokens,
      completionTokens: usage.completionTokens,
      cachedTokens: usage.cachedTokens,
      isEstimated: this.usage === null,
      ttftMs: times.ttftMs(),
      e2eMs: nowMs - times.bodyAtMs,
      holdMs: times.holdMs,
      itlMsMean: times.itlMsMean(sent.contentChunks),
      attempts: this.attempts,
      failedOn: this.#failedOn(),
      prefill: this.prefill ?? undefined,
      requestBytes: this.bodyBytes,
      responseBytes: sent.bytes,
    }
  }

  headers(nowMs: number): HeaderList {
    const headers: HeaderList = ['x-request-id', this.clientId ?? this.id]
    if (this.account) addLimitHeaders(headers, this.account.lease, nowMs)
    if (this.replica) addWorkHeaders(headers, this.replica.id, this.attempts, this.times, nowMs)
    if (this.prefill?.replica) headers.push('x-baleen-prefill', this.prefill.replica)
    return headers
  }
}
