import { describe, expect, it } from 'vitest'
import { completeSpec } from '../default-spec.ts'
import { createExchange } from './exchange.ts'
import { judgeValidity } from './judge-validity.ts'
import { recordOf, type RequestRecord } from './record.ts'

const facts = {
  scheduled: 20,
  inFlightAreaMs: 0,
  cpuShare: 0,
  cpuMs: 0,
  eventLoopDelayMsP99: 0,
  clockDriftMs: 0,
  stealShare: 0,
  priority: 'ordinary',
} as const

/** Answers whose server had so many tokens of each prompt in its cache. */
const answered = (promptTokens: number, cachedTokens: (index: number) => number): RequestRecord[] =>
  Array.from({ length: 20 }, (_, index) => ({
    ...recordOf(
      createExchange({
        index,
        model: 0,
        turn: 0,
        endpoint: 'chat',
        isStreaming: true,
        wantedInputTokens: promptTokens,
        wantedOutputTokens: 1,
        intendedMs: index,
        keepsText: false,
      }),
      true,
    ),
    outcome: 'ok',
    handedMs: index,
    promptTokens,
    cachedTokens: cachedTokens(index),
    outputTokens: 1,
  }))

const notesOf = (records: RequestRecord[], spec = completeSpec({ seed: 7 })) =>
  judgeValidity(spec, records, records, facts, null).notes.join()

describe('prompts that the server knew', () => {
  it('are nothing to speak of where only the template is cached', () => {
    expect(notesOf(answered(150, () => 24))).toBe('')
  })
  it('are told of, with the seed that may have made them before', () => {
    expect(notesOf(answered(150, () => 144))).toMatch(/96.0 % of the prompts.*seed 7/)
    // Half of the run was there before.
    expect(notesOf(answered(150, (index) => (index < 10 ? 144 : 24)))).toMatch(/40.0 %/)
  })
  it('are what was asked for where prompts share their beginnings', () => {
    const workload = { sharedPrefix: { groups: 2, tokens: 100 } }
    expect(
      notesOf(
        answered(150, () => 144),
        completeSpec({ workload }),
      ),
    ).toBe('')
  })
})
