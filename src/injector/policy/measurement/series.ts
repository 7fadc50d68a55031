import type { InjectionSecond } from '../../../contract/injection.ts'
import { quantile, sortSamples } from '../statistics/quantiles.ts'
import { tpotMs, ttftMs } from './latency.ts'
import type { RequestRecord } from './record.ts'
import { meanInFlight, tokensWithin, type Window } from './window.ts'

/** The run second by second; latencies stand at the second in which the request was intended. */
export function secondBySecond(
  records: readonly RequestRecord[],
  endMs: number,
): InjectionSecond[] {
  const count = Math.max(1, Math.ceil(endMs / 1000))
  const intended = group(records, count, ({ intendedMs }) => intendedMs)
  const handed = group(records, count, ({ handedMs }) => handedMs)
  const ended = group(records, count, ({ endedMs }) => endedMs)
  const alive = overlapping(records, count)
  return Array.from({ length: count }, (_, second) => {
    const window: Window = { fromMs: second * 1000, toMs: (second + 1) * 1000 }
    const ttft = sortSamples(intended[second]!.map(ttftMs))
    const tpot = sortSamples(intended[second]!.map(tpotMs))
    const failed = ended[second]!.filter(({ outcome }) => outcome !== 'ok').length
    return {
      second,
      scheduled: intended[second]!.length,
      handed: handed[second]!.length,
      completed: ended[second]!.length - failed,
      failed,
      inFlight: meanInFlight(alive[second]!, window),
      outputTokens: alive[second]!.reduce((sum, record) => sum + tokensWithin(record, window), 0),
      ttftMsP50: orNull(quantile(ttft, 0.5)),
      ttftMsP99: orNull(quantile(ttft, 0.99)),
      tpotMsP50: orNull(quantile(tpot, 0.5)),
    }
  })
}

function group(
  records: readonly RequestRecord[],
  count: number,
  time: (record: RequestRecord) => number,
): RequestRecord[][] {
  const seconds = Array.from({ length: count }, () => [] as RequestRecord[])
  for (const record of records) seconds[Math.floor(time(record) / 1000)]?.push(record)
  return seconds
}

function overlapping(records: readonly RequestRecord[], count: number): RequestRecord[][] {
  const seconds = Array.from({ length: count }, () => [] as RequestRecord[])
  for (const record of records) {
    if (Number.isNaN(record.handedMs) || Number.isNaN(record.endedMs)) continue
    const last = Math.min(count - 1, Math.floor(record.endedMs / 1000))
    for (let second = Math.max(0, Math.floor(record.handedMs / 1000)); second <= last; second++)
      seconds[second]!.push(record)
  }
  return seconds
}

const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value)
