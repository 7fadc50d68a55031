import type { JournalClose, JournalOpen } from '../../contract/journal.ts'

/**
 * Journal lines, put together by hand: four times as fast as JSON.stringify, twice a request. Ids are made of safe
 * letters; what a client or a person chose is encoded.
 */
export function openLine(event: JournalOpen): string {
  return `{"t":"open","id":"${event.id}","atMs":${event.atMs},"key":${quoted(event.key)},"route":${quoted(event.route)},"endpoint":"${event.endpoint}","stream":${event.stream},"estimatedTokens":${event.estimatedTokens}}\n`
}

export function closeLine(event: JournalClose): string {
  return `{"t":"close","id":"${event.id}","atMs":${event.atMs},"key":${quoted(event.key)},"route":${quoted(event.route)},"endpoint":"${event.endpoint}","stream":${event.stream},"deployment":${optional(event.deployment)},"replica":${optional(event.replica)},"outcome":"${event.outcome}","status":${event.status},"error":${optional(event.error)},"clientId":${optional(event.clientId)},"promptTokens":${event.promptTokens},"completionTokens":${event.completionTokens},"cachedTokens":${event.cachedTokens},"isEstimated":${event.isEstimated},"ttftMs":${rounded(event.ttftMs)},"e2eMs":${rounded(event.e2eMs)},"holdMs":${rounded(event.holdMs)},"itlMsMean":${rounded(event.itlMsMean)},"attempts":${event.attempts},"requestBytes":${event.requestBytes},"responseBytes":${event.responseBytes}${failedOn(event)}${prefill(event)}}\n`
}

/** Seldom there. */
const failedOn = ({ failedOn: ids }: JournalClose): string =>
  ids ? `,"failedOn":${JSON.stringify(ids)}` : ''

const prefill = ({ prefill: read }: JournalClose): string =>
  read ? `,"prefill":${JSON.stringify({ ...read, ms: rounded(read.ms) })}` : ''

const isSafe = /^[\w.:@/=-]*$/

const quoted = (text: string): string => (isSafe.test(text) ? `"${text}"` : JSON.stringify(text))
const optional = (text: string | null): string => (text === null ? 'null' : quoted(text))

/** Microseconds are all that the clock is good for. */
const rounded = (durationMs: number | null): number | null =>
  durationMs === null ? null : Math.round(durationMs * 1000) / 1000
