import type { Slo } from '../../../contract/injection-spec.ts'
import type { RequestRecord } from './record.ts'

/** From the intended arrival to the first content: what a user waited. NaN without content. */
export const ttftMs = (record: RequestRecord): number => firstContentMs(record) - record.intendedMs

/** From the socket: what other tools call TTFT. It hides every delay of the client. */
export const ttftServiceMs = (record: RequestRecord): number =>
  firstContentMs(record) - record.handedMs

/** Mean time per token after the first. NaN below two tokens or where their number is unknown. */
export function tpotMs(record: RequestRecord): number {
  const { contentMs, outputTokens } = record
  if (outputTokens === null || outputTokens < 2 || contentMs.length === 0) return NaN
  return (contentMs.at(-1)! - contentMs[0]!) / (outputTokens - 1)
}

export const e2eMs = (record: RequestRecord): number => record.doneMs - record.intendedMs
export const e2eServiceMs = (record: RequestRecord): number => record.doneMs - record.handedMs
export const clientDelayMs = (record: RequestRecord): number => record.handedMs - record.intendedMs

/** Longest gap between content events. NaN below two. */
export function maxStallMs({ contentMs }: RequestRecord): number {
  let longest = NaN
  for (let index = 1; index < contentMs.length; index++) {
    const gap = contentMs[index]! - contentMs[index - 1]!
    if (!(gap <= longest)) longest = gap
  }
  return longest
}

/** Answered, and within every limit that is set. One token has no pace to miss. */
export function isGood(record: RequestRecord, slo: Slo): boolean {
  if (record.outcome !== 'ok') return false
  const exceeds = (value: number, limit: number | undefined) => limit !== undefined && value > limit
  return !(
    exceeds(ttftMs(record), slo.ttftMs) ||
    exceeds(tpotMs(record), slo.tpotMs) ||
    exceeds(e2eMs(record), slo.e2eMs) ||
    exceeds(maxStallMs(record), slo.maxStallMs)
  )
}

const firstContentMs = ({ contentMs }: RequestRecord): number => contentMs[0] ?? NaN
