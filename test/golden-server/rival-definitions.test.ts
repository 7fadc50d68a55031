import { describe, expect, it } from 'vitest'
import { e2eMs, tpotMs, ttftMs } from '../../src/injector/policy/measurement/latency.ts'
import type { RequestRecord } from '../../src/injector/policy/measurement/record.ts'
import { chatStream, type StreamPlan } from './golden-script.ts'
import { play } from './virtual-run.ts'

/**
 * Proof that the golden tests can fail: each definition found in another tool, put in place of ours, is told apart by
 * a script of the golden server.
 */
const plan: StreamPlan = { texts: ['a', 'b', 'c', 'd', 'e'], firstMs: 200, gapMs: 30 }
const record = (change: Partial<StreamPlan>, delayMs = 0): RequestRecord =>
  play({ script: chatStream({ ...plan, ...change }), delayMs })

describe('a wrong definition shows', () => {
  it.each([
    [
      'first event as first token (vLLM)',
      { roleOnlyMs: 5 },
      0,
      ttftMs,
      (of: RequestRecord) => of.firstEventMs - of.intendedMs,
    ],
    [
      'first byte as first token',
      { roleOnlyMs: 5 },
      0,
      ttftMs,
      (of: RequestRecord) => of.firstByteMs - of.intendedMs,
    ],
    [
      'TTFT from the socket (all of them)',
      {},
      400,
      ttftMs,
      (of: RequestRecord) => of.contentMs[0]! - of.handedMs,
    ],
    [
      'TPOT with the first token in it (GuideLLM, llmperf)',
      {},
      0,
      tpotMs,
      (of: RequestRecord) => e2eMs(of) / of.outputTokens!,
    ],
    [
      'TPOT to the end of the stream',
      {},
      0,
      tpotMs,
      (of: RequestRecord) => (of.doneMs - of.contentMs[0]!) / (of.outputTokens! - 1),
    ],
    [
      'events as tokens (llmperf)',
      { tokensPerEvent: 4 },
      0,
      tpotMs,
      (of: RequestRecord) => (of.contentMs.at(-1)! - of.contentMs[0]!) / (of.contentMs.length - 1),
    ],
    [
      'E2E to the last chunk (vLLM)',
      {},
      0,
      e2eMs,
      (of: RequestRecord) => of.contentMs.at(-1)! - of.intendedMs,
    ],
    ['E2E from the socket', {}, 400, e2eMs, (of: RequestRecord) => of.doneMs - of.handedMs],
  ] as const)('%s', (_, change, delayMs, ours, theirs) => {
    const golden = record(change, delayMs)
    expect(Math.abs(theirs(golden) - ours(golden))).toBeGreaterThan(1)
  })
})
