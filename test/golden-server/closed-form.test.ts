import { describe, expect, it } from 'vitest'
import { completeSpec } from '../../src/injector/policy/default-spec.ts'
import {
  clientDelayMs,
  e2eMs,
  e2eServiceMs,
  isGood,
  maxStallMs,
  tpotMs,
  ttftMs,
  ttftServiceMs,
} from '../../src/injector/policy/measurement/latency.ts'
import { measure } from '../../src/injector/policy/measurement/measure.ts'
import type { RequestRecord } from '../../src/injector/policy/measurement/record.ts'
import { chatStream, chunk, plainAnswer, streamHead, type StreamPlan } from './golden-script.ts'
import { play } from './virtual-run.ts'

const texts = ['Zwölf', ' Bären', ' 吃', ' 🐳', ' krill']
const plan: StreamPlan = { texts, firstMs: 200, gapMs: 30 }

function figures(record: RequestRecord) {
  return {
    outcome: record.outcome,
    ttft: ttftMs(record),
    ttftService: ttftServiceMs(record),
    tpot: tpotMs(record),
    e2e: e2eMs(record),
    maxStall: maxStallMs(record),
    tokens: record.outputTokens,
    events: record.contentMs.length,
  }
}
/** 5 tokens: first at 200, then every 30 ms, `[DONE]` 30 ms after the last. */
const truth = {
  outcome: 'ok',
  ttft: 200,
  ttftService: 200,
  tpot: 30,
  e2e: 350,
  maxStall: 30,
  tokens: 5,
  events: 5,
}

describe('every figure equals its closed form', () => {
  it('of a plain stream', () => {
    expect(figures(play({ script: chatStream(plan) }))).toEqual(truth)
  })

  it.each([1, 2, 3, 5, 7, 11, 64])('with every write cut into pieces of %d bytes', (pieceBytes) => {
    const record = play({ script: chatStream({ ...plan, pieceBytes }) })
    expect(figures(record)).toEqual(truth)
  })

  it.each(['\r\n', '\r'] as const)(
    'with lines ending in %j (inference-perf never parses CRLF)',
    (lineEnd) => {
      expect(figures(play({ script: chatStream({ ...plan, lineEnd, pieceBytes: 9 }) }))).toEqual(
        truth,
      )
    },
  )

  it('with comments between events', () => {
    expect(figures(play({ script: chatStream({ ...plan, comment: 'ping' }) }))).toEqual(truth)
  })

  it('with keep-alive comments of their own', () => {
    const { steps } = chatStream(plan)
    const ping = chunk(': ping\n\n')
    const pinged = steps.flatMap((step) => [step, { afterMs: step.afterMs, bytes: ping }])
    const record = play({ script: { steps: pinged.slice(0, -1) } })
    expect(figures(record)).toEqual(truth)
    expect(record.firstEventMs).toBe(200)
  })

  it('text survives cuts inside of characters', () => {
    const script = chatStream({ ...plan, pieceBytes: 1, hasUsage: false })
    expect(play({ script }).text).toBe(texts.join(''))
  })
})

describe('flaws of other tools', () => {
  it('vLLM: a role-only chunk is no first token', () => {
    const record = play({ script: chatStream({ ...plan, roleOnlyMs: 5 }) })
    expect(figures(record)).toEqual(truth)
    expect(record.firstEventMs).toBe(5)
  })

  it('vLLM: an error event after 200 is no success', () => {
    const script = chatStream({ ...plan, breakAfter: 2, breakWith: 'error-event' })
    expect(play({ script })).toMatchObject({ outcome: 'sse_error', error: 'engine died' })
  })

  it.each([
    ['without finish reason or [DONE]', { breakAfter: 3, breakWith: 'fin' }, 'truncated'],
    ['without [DONE]', { hasDone: false }, 'truncated'],
    ['without finish reason', { hasFinish: false }, 'truncated'],
    ['by a reset', { breakAfter: 3, breakWith: 'rst' }, 'reset'],
    ['by silence', { breakAfter: 3, breakWith: 'silence' }, 'timeout_stall'],
    ['with half an event', { breakAfter: 1, breakWith: 'garbage' }, 'malformed'],
  ] as const)('vLLM: an end %s is no success', (_, change, outcome) => {
    expect(play({ script: chatStream({ ...plan, ...change }) }).outcome).toBe(outcome)
  })

  it('a server known to end without [DONE] is measured to its end', () => {
    const record = play({ script: chatStream({ ...plan, hasDone: false }), hasDoneMarker: false })
    expect(figures(record)).toEqual(truth)
  })

  it('vLLM, coordinated omission: TTFT counts from the intended arrival', () => {
    // One request at a time, 500 ms each, 10 a second for 1.2 s: the last one waits 4,400 ms before its turn.
    const records = Array.from({ length: 12 }, (_, index) =>
      play({
        script: chatStream({ texts: ['a'], firstMs: 450, gapMs: 50 }),
        intendedMs: index * 100,
        delayMs: index * 400,
      }),
    )
    expect(Math.max(...records.map(e2eServiceMs))).toBe(500)
    expect(Math.max(...records.map(e2eMs))).toBe(4900)
    expect(Math.max(...records.map(ttftMs))).toBe(4850)
    expect(Math.max(...records.map(clientDelayMs))).toBe(4400)
  })

  it('GuideLLM, llmperf: TPOT leaves the first token out', () => {
    const record = play({ script: chatStream({ ...plan, firstMs: 10_000 }) })
    expect(tpotMs(record)).toBe(30)
  })

  it('AIPerf, inference-perf: several tokens in one event count by usage, not by event', () => {
    const record = play({ script: chatStream({ ...plan, tokensPerEvent: 4 }) })
    expect(record.outputTokens).toBe(20)
    expect(tpotMs(record)).toBeCloseTo(120 / 19, 12)
  })

  it('SGLang: a stall between events is not smoothed over the tokens of the next', () => {
    const stalled = play({ script: chatStream({ ...plan, gapMs: 900, tokensPerEvent: 9 }) })
    expect(maxStallMs(stalled)).toBe(900)
  })

  it('vLLM: blanks at the edge of a packet belong to the text', () => {
    const spaced = ['  a ', ' ', 'b  ', '   ']
    for (let pieceBytes = 1; pieceBytes < 24; pieceBytes++) {
      const script = chatStream({ ...plan, texts: spaced, pieceBytes, hasUsage: false })
      expect(play({ script }).text).toBe(spaced.join(''))
    }
  })

  it('SGLang: events that come together have no gap between them, and none is made up', () => {
    const script = chatStream(plan)
    const events = script.steps.slice(1, -1).map(({ bytes }) => bytes!)
    const together = {
      steps: [
        script.steps[0]!,
        { afterMs: 200, bytes: Buffer.concat(events.slice(0, 2)) },
        { afterMs: 290, bytes: Buffer.concat(events.slice(2)) },
        script.steps.at(-1)!,
      ],
    }
    const record = play({ script: together })
    expect([...record.contentMs]).toEqual([200, 200, 290, 290, 290])
    expect(figures(record)).toEqual({ ...truth, tpot: 22.5, maxStall: 90 })
  })

  it('vLLM: an answer of one token has no pace to miss', () => {
    const record = play({ script: chatStream({ ...plan, texts: ['a'] }) })
    expect(tpotMs(record)).toBeNaN()
    expect(isGood(record, { ttftMs: 250, tpotMs: 1 })).toBe(true)
  })

  it('reasoning counts as content, and the first answer has a stamp of its own', () => {
    const record = play({ script: chatStream({ ...plan, reasoningEvents: 2 }) })
    expect(figures(record)).toEqual(truth)
    expect(record.firstAnswerMs).toBe(260)
  })

  it('without usage nobody invents tokens from events or chunks', () => {
    const record = play({ script: chatStream({ ...plan, hasUsage: false }) })
    expect(record).toMatchObject({ outcome: 'ok', outputTokens: null, tokenSource: 'none' })
    expect(tpotMs(record)).toBeNaN()
  })
})

describe('outcomes', () => {
  it.each([
    [429, '429'],
    [503, '503'],
    [500, 'http_5xx'],
    [404, 'http_4xx'],
    [302, 'malformed'],
  ])('%d is %s', (status, outcome) => {
    const script = plainAnswer(status, '{"error":{"message":"no"}}')
    expect(play({ script })).toMatchObject({ outcome, error: 'no' })
  })
  it('a page of HTML with status 200 is malformed', () => {
    const script = plainAnswer(200, '<html>', { contentType: 'text/html' })
    expect(play({ script }).outcome).toBe('malformed')
  })
  it('an answer that is not streamed ends with its last byte and has no TTFT', () => {
    const body = JSON.stringify({
      choices: [{ message: { content: 'hi' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 2 },
    })
    const record = play({
      script: plainAnswer(200, body, { afterMs: 80 }),
      start: { isStreaming: false },
    })
    expect(figures(record)).toMatchObject({ outcome: 'ok', e2e: 80, tokens: 2, ttft: NaN })
  })
  it('tool-call arguments are content', () => {
    const delta = { tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] }
    const event = (value: object) => chunk(`data: ${JSON.stringify(value)}\n\n`)
    const bytes = Buffer.concat([streamHead, event({ choices: [{ delta, finish_reason: null }] })])
    expect([...play({ script: { steps: [{ afterMs: 40, bytes }] } }).contentMs]).toEqual([40])
  })
  it('a stream of the Responses API is whole with response.completed', () => {
    const event = (value: object) => chunk(`event: x\ndata: ${JSON.stringify(value)}\n\n`)
    const usage = { input_tokens: 3, output_tokens: 2, input_tokens_details: { cached_tokens: 1 } }
    const steps = [
      { afterMs: 10, bytes: Buffer.concat([streamHead, event({ type: 'response.created' })]) },
      { afterMs: 20, bytes: event({ type: 'response.output_text.delta', delta: 'a' }) },
      { afterMs: 35, bytes: event({ type: 'response.output_text.delta', delta: 'b' }) },
      {
        afterMs: 40,
        bytes: Buffer.concat([
          event({ type: 'response.completed', response: { usage } }),
          chunk(''),
        ]),
      },
    ]
    const record = play({ script: { steps }, start: { endpoint: 'responses' } })
    expect(figures(record)).toMatchObject({ outcome: 'ok', ttft: 20, tpot: 15, e2e: 40, tokens: 2 })
    expect(record.cachedTokens).toBe(1)
  })
})

describe('the summary', () => {
  const spec = completeSpec({ slo: { ttftMs: 250, tpotMs: 30 } })
  const facts = {
    scheduled: 10,
    inFlightAreaMs: 0,
    cpuShare: null,
    cpuMs: null,
    eventLoopDelayMsP99: null,
    clockDriftMs: null,
    stealShare: null,
    priority: 'ordinary' as const,
  }
  /** One request a second: 6 good, 2 too slow to start, 1 truncated, 1 refused. */
  const records = Array.from({ length: 10 }, (_, index) => {
    const script =
      index === 8
        ? plainAnswer(503, '{}')
        : chatStream({
            ...plan,
            ...(index >= 6 && index < 8 ? { firstMs: 300 } : {}),
            ...(index === 9 ? { breakAfter: 2 } : {}),
          })
    return play({ script, intendedMs: index * 1000 })
  })
  const summary = measure(spec, {
    records,
    window: { fromMs: 0, toMs: 10_000 },
    facts,
    counters: null,
  })

  it('counts attainment over everything scheduled, errors included', () => {
    expect(records.filter((record) => isGood(record, spec.slo))).toHaveLength(6)
    expect(summary).toMatchObject({
      attainment: 0.6,
      goodputPerSecond: 0.6,
      requestsPerSecond: 0.8,
    })
    expect(summary.outcomes).toEqual({ ok: 8, '503': 1, truncated: 1 })
  })
  it('divides tokens by the window, not by what a drain adds to it', () => {
    const cut = measure(spec, { records, window: { fromMs: 0, toMs: 7240 }, facts, counters: null })
    // Requests 0–6 whole except the last one: its tokens come at 6300, 6330, …: all before 7240. Request 7 begins at 7000: first token at 7300.
    expect(cut.outputTokensPerSecond).toBeCloseTo((7 * 5) / 7.24, 9)
  })
  it('takes latency from requests of the window to their end, wherever that lies', () => {
    const cut = measure(spec, { records, window: { fromMs: 0, toMs: 100 }, facts, counters: null })
    expect(cut.e2eMs).toMatchObject({ count: 1, max: 350 })
    expect(cut.requestsPerSecond).toBe(0)
  })
  it('GuideLLM: tokens count by their own time, not evenly over the request, and not with its start', () => {
    // 3 tokens at once, a pause of 800 ms, 1 token: the window begins inside of the pause.
    const event = (text: string) =>
      chunk(
        `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text }, finish_reason: null }], usage: null })}\n\n`,
      )
    const { steps } = chatStream({ ...plan, texts: ['d'], firstMs: 900 })
    const early = [streamHead, event('a'), event('b'), event('c')]
    const script = {
      steps: [
        { afterMs: 100, bytes: Buffer.concat(early) },
        ...steps.slice(1).map((step, index, all) => ({
          ...step,
          // Usage of the script says 1 token; there were 4.
          bytes:
            index === all.length - 1
              ? Buffer.concat([
                  chunk('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'),
                  chunk(
                    'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":4}}\n\n',
                  ),
                  chunk('data: [DONE]\n\n'),
                  chunk(''),
                ])
              : step.bytes!,
        })),
      ],
    }
    const record = play({ script })
    expect(figures(record)).toMatchObject({ outcome: 'ok', tokens: 4, events: 4 })
    const late = measure(spec, {
      records: [record],
      window: { fromMs: 500, toMs: 1500 },
      facts,
      counters: null,
    })
    expect(late.outputTokensPerSecond).toBe(1)
    expect(late.ttftMs.count).toBe(0)
    expect(late.requestsPerSecond).toBe(1)
  })
  it('GuideLLM, llmperf: failures are counted and in no latency of answers', () => {
    expect(summary.e2eMs.count).toBe(8)
    expect(summary.tpotMs.count).toBe(8)
    expect(summary.requests).toBe(10)
  })
  it('flags requests that got lost', () => {
    const lossy = measure(spec, {
      records: records.slice(1),
      window: { fromMs: 0, toMs: 10_000 },
      facts,
      counters: null,
    })
    expect(lossy.validity).toMatchObject({ isTrustworthy: false, isConserved: false })
  })
  it('flags a client that was late, a counter that differs, and stamps that do not add up', () => {
    const late = records.map((record) => ({ ...record, handedMs: record.intendedMs + 20 }))
    const of = (changed: typeof records, more: object, outputTokens: number | null = null) =>
      measure(spec, {
        records: changed,
        window: { fromMs: 0, toMs: 10_000 },
        facts: { ...facts, ...more },
        counters: outputTokens === null ? null : { outputTokens, promptTokens: null },
      }).validity.problems.join()
    expect(of(records, {})).toBe('')
    expect(of(late, {})).toMatch(/handed requests over late/)
    expect(of(records, { inFlightAreaMs: 5000 })).toMatch(/Little/)
    expect(of(records, { cpuShare: 0.97 })).toMatch(/workers/)
    expect(of(records, { clockDriftMs: 50 })).toMatch(/wall clock/)
    expect(of(records, { stealShare: 0.2 })).toMatch(/host took/)
    expect(of(records, { scheduled: 20 })).toMatch(/only 50.0 %/)
    const answered = records.filter(({ outcome }) => outcome === 'ok')
    expect(of(answered, { scheduled: 8 }, 40)).toBe('')
    expect(of(answered, { scheduled: 8 }, 41)).toMatch(/token counter/)
  })
})
