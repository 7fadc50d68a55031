import { describe, expect, it } from 'vitest'
import { createExchange } from '../policy/measurement/exchange.ts'
import { recordOf, type RequestRecord } from '../policy/measurement/record.ts'
import { createRecordLog, transferable, unpackRecords } from './record-log.ts'

const plain = recordOf(
  createExchange({
    index: 0,
    model: 0,
    turn: 0,
    endpoint: 'chat',
    isStreaming: true,
    wantedInputTokens: 8,
    wantedOutputTokens: 16,
    intendedMs: 0,
    keepsText: true,
  }),
  true,
)

function recordAt(index: number): RequestRecord {
  // Some have more content than a block holds, and most of them leave gaps of every kind.
  const events = index === 7 ? 70_000 : index % 50
  return {
    ...plain,
    index,
    model: index % 3,
    outcome: index % 2 === 0 ? 'ok' : 'timeout_stall',
    status: 200,
    intendedMs: index / 3,
    handedMs: index % 5 === 0 ? NaN : index / 3 + 0.125,
    contentMs: Float64Array.from({ length: events }, (_, event) => index + event / 7),
    outputTokens: index % 4 === 0 ? null : index,
    promptTokens: 0,
    tokenSource: index % 4 === 0 ? 'none' : 'usage',
    error: index % 11 === 0 ? 'ECONNRESET' : null,
    finishReason: index % 2 === 0 ? 'stop' : '',
    text: index % 13 === 0 ? `answer ${index}` : null,
  }
}

describe('the log of records', () => {
  it('gives back what went in, through another thread too', () => {
    const records = Array.from({ length: 3000 }, (_, index) => recordAt(index))
    const log = createRecordLog()
    for (const record of records) log.add(record)
    const moved = structuredClone(log.packed, { transfer: transferable(log.packed) })
    expect(log.packed.rows[0]).toHaveLength(0)
    expect(unpackRecords(moved)).toEqual(records)
  })

  it('of nothing is nothing', () => {
    expect(unpackRecords(createRecordLog().packed)).toEqual([])
  })
})
