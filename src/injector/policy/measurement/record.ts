import type { Outcome } from '../../../contract/injection-summary.ts'
import { textOf, type Exchange } from './exchange.ts'

/** What is kept of a finished request: plain data, which crosses threads as it is. NaN: it never came to that. */
export interface RequestRecord {
  readonly index: number
  readonly model: number
  readonly turn: number
  readonly outcome: Outcome
  readonly status: number
  readonly error: string | null
  readonly finishReason: string | null
  readonly intendedMs: number
  readonly handedMs: number
  readonly writtenMs: number
  readonly connectedMs: number
  readonly headersMs: number
  readonly firstByteMs: number
  readonly firstEventMs: number
  readonly firstAnswerMs: number
  readonly finishMs: number
  readonly doneMs: number
  readonly endedMs: number
  /** Every content-bearing event. */
  readonly contentMs: Float64Array
  /** Null: the server did not say. */
  outputTokens: number | null
  readonly promptTokens: number | null
  readonly cachedTokens: number | null
  /** Where `outputTokens` comes from. */
  tokenSource: 'usage' | 'tokenize' | 'none'
  readonly wantedInputTokens: number
  readonly wantedOutputTokens: number
  /** Text to count tokens in after the run; null where usage came. */
  text: string | null
}

const noContent = new Float64Array(0)

export function recordOf(exchange: Exchange, hasDoneMarker: boolean): RequestRecord {
  const outcome = judge(exchange, hasDoneMarker)
  const outputTokens = exchange.usage?.outputTokens ?? null
  const isEmbedding = exchange.endpoint === 'embeddings'
  return {
    index: exchange.index,
    model: exchange.model,
    turn: exchange.turn,
    outcome,
    status: exchange.status,
    error: exchange.error,
    finishReason: exchange.finishReason,
    intendedMs: exchange.intendedMs,
    handedMs: exchange.handedMs,
    writtenMs: exchange.writtenMs,
    connectedMs: exchange.connectedMs,
    headersMs: exchange.headersMs,
    firstByteMs: exchange.firstByteMs,
    firstEventMs: exchange.firstEventMs,
    firstAnswerMs: exchange.firstAnswerMs,
    finishMs: exchange.finishMs,
    doneMs: Number.isNaN(exchange.doneMs) && outcome === 'ok' ? exchange.endedMs : exchange.doneMs,
    endedMs: exchange.endedMs,
    contentMs: exchange.contentMs.length === 0 ? noContent : new Float64Array(exchange.contentMs),
    outputTokens,
    promptTokens: exchange.usage?.promptTokens ?? null,
    cachedTokens: exchange.usage?.cachedTokens ?? null,
    tokenSource: outputTokens === null ? 'none' : 'usage',
    wantedInputTokens: exchange.wantedInputTokens,
    wantedOutputTokens: exchange.wantedOutputTokens,
    text: outputTokens === null && !isEmbedding && exchange.textBytes > 0 ? textOf(exchange) : null,
  }
}

/**
 * Exactly one outcome. A stream is only `ok` with a finish reason, `[DONE]` and no error event: an answer that just
 * stops is truncated however clean the connection closed.
 */
function judge(exchange: Exchange, hasDoneMarker: boolean): Outcome {
  const { ending, status } = exchange
  if (exchange.hasErrorEvent && status < 300) return 'sse_error'
  const isWhole = !Number.isNaN(exchange.finishMs) && !Number.isNaN(exchange.doneMs)
  if (isWhole && status < 300 && !exchange.hasMalformedEvent) return 'ok'
  switch (ending) {
    case 'complete':
      break
    case 'cut':
      return status === 0 ? 'reset' : status >= 300 ? ofStatus(status) : 'truncated'
    case null:
      return 'unfinished_at_cutoff'
    default:
      return ending
  }
  if (status >= 300) return ofStatus(status)
  if (exchange.hasMalformedEvent) return 'malformed'
  if (!exchange.isStreaming) return 'malformed'
  return hasDoneMarker || Number.isNaN(exchange.finishMs) ? 'truncated' : 'ok'
}

function ofStatus(status: number): Outcome {
  if (status === 429) return '429'
  if (status === 503) return '503'
  if (status >= 500) return 'http_5xx'
  // A redirect is an answer nobody asked for.
  return status >= 400 ? 'http_4xx' : 'malformed'
}
