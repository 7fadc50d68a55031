import { afterEach, describe, expect, it } from 'vitest'
import type { InjectionSpec } from '../../src/contract/injection-spec.ts'
import { createImageTemplate } from '../../src/injector/data/image-template.ts'
import { completeSpec } from '../../src/injector/policy/default-spec.ts'
import type { Session, SessionCall } from '../../src/injector/policy/workload/session.ts'
import { runInjection, type InjectionResult } from '../../src/injector/run-injection.ts'
import type { RunSources } from '../../src/injector/run-sources.ts'
import { chatStream, chunk, streamHead, type GoldenScript } from './golden-script.ts'
import { startGoldenServer, type GoldenArrival, type GoldenServer } from './golden-server.ts'

// Processes and sockets: on a machine that is busy with other tests they take their time.

const servers: GoldenServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

const quick = chatStream({ texts: ['live'], firstMs: 20, gapMs: 5 })

async function inject(
  changes: Parameters<typeof completeSpec>[0],
  sources: RunSources = {},
  script: (arrival: GoldenArrival) => GoldenScript = () => quick,
): Promise<InjectionResult & { requests: readonly GoldenArrival[]; spec: InjectionSpec }> {
  const server = await startGoldenServer((arrival) => script(arrival))
  servers.push(server)
  const spec = completeSpec({
    url: server.url,
    load: { kind: 'open', arrivals: 'constant', ratePerS: 4 },
    durationMs: 5000,
    ...changes,
  })
  const interrupt = new AbortController().signal
  const result = await runInjection(spec, { id: 'run', interrupt, sources })
  const requests = server.arrivals.filter(({ head }) => head.startsWith('POST'))
  return { ...result, requests, spec }
}

const call = (after: number[], content: string, more: Partial<SessionCall> = {}): SessionCall => ({
  after,
  delayMs: 30,
  continues: null,
  messages: [{ role: 'user', content }],
  answer: { role: 'assistant', content: `recorded ${content}` },
  inputTokens: 10,
  outputTokens: 5,
  model: null,
  ...more,
})
/** One that asks three helpers and sums up what they say. */
const graph: Session = {
  calls: [
    call([], 'plan', { delayMs: 0, outputTokens: 7 }),
    call([0], 'a'),
    call([0], 'b', { model: 'big' }),
    call([0], 'c', { delayMs: 90 }),
    call([1, 2, 3], 'sum', {
      continues: 0,
      messages: [
        { answerOf: 1 },
        { answerOf: 2 },
        { answerOf: 3 },
        { role: 'user', content: 'sum' },
      ],
    }),
  ],
}
const textsOf = ({ body }: GoldenArrival) =>
  (body['messages'] as { content: string }[]).map(({ content }) => content)

describe('sessions', () => {
  it('follow their graph: calls wait for the answers that they need, and carry them on', async () => {
    const models = ['small', 'big'].map((name) => ({ name, weight: name === 'big' ? 1e-9 : 1 }))
    const { records, requests, report } = await inject(
      { models, requestsMax: 9 },
      { sessions: [graph] },
    )
    // Two sessions, because a number of requests never cuts one in two.
    expect(records).toHaveLength(10)
    expect(report.sessions).toMatchObject({ begun: 2, whole: 2 })
    const [plan, a, b, c, sum] = records
    for (const helper of [a, b]) expect(helper!.intendedMs).toBeCloseTo(plan!.endedMs + 30, 6)
    expect(c!.intendedMs).toBeCloseTo(plan!.endedMs + 90, 6)
    const lastMs = Math.max(a!.endedMs, b!.endedMs, c!.endedMs)
    expect(sum!.intendedMs).toBeCloseTo(lastMs + 30, 6)
    const bodyOf = (index: number) =>
      requests.find(({ head }) => head.includes(`x-request-id: run-${index}\r`))!
    expect(textsOf(bodyOf(4))).toEqual([
      'plan',
      'recorded plan',
      'recorded a',
      'recorded b',
      'recorded c',
      'sum',
    ])
    expect([0, 1, 2].map((index) => bodyOf(index).body['model'])).toEqual(['small', 'small', 'big'])
    expect(bodyOf(0).body['max_tokens']).toBe(7)
    expect(report.sessions!.durationMs.max).toBeGreaterThanOrEqual(sum!.doneMs - plan!.intendedMs)
  })

  it('carry on with what this server said where that is asked for', async () => {
    const { requests } = await inject(
      { requestsMax: 5, workload: { answers: 'live' } },
      { sessions: [graph] },
    )
    expect(textsOf(requests.at(-1)!)).toEqual(['plan', 'live', 'live', 'live', 'live', 'sum'])
  })

  it('end with a call that fails, and say so', async () => {
    const { records, report } = await inject(
      { requestsMax: 5 },
      { sessions: [graph] },
      ({ body }) =>
        JSON.stringify(body).includes('"b"')
          ? chatStream({ texts: ['x', 'y'], firstMs: 5, gapMs: 5, breakAfter: 1 })
          : quick,
    )
    expect(records.map(({ turn, outcome }) => `${turn} ${outcome}`)).toEqual([
      '0 ok',
      '1 ok',
      '2 truncated',
      '3 ok',
    ])
    expect(report.sessions).toMatchObject({ begun: 1, whole: 0 })
    expect(report.summary.validity.isConserved).toBe(true)
  })

  it('follow one another for each user of a closed loop', async () => {
    const { records } = await inject(
      { load: { kind: 'closed', users: 2, thinkTimeMs: 10, rampMs: 0 }, requestsMax: 20 },
      { sessions: [graph] },
    )
    expect(records.map(({ index }) => index)).toEqual([...Array(20).keys()])
  })

  it('never use more than a limit, whatever they carry along', async () => {
    const long = 'word '.repeat(3000)
    const chain = Array.from({ length: 6 }, (_, index) =>
      call(index === 0 ? [] : [index - 1], long, { continues: index === 0 ? null : index - 1 }),
    )
    const { records, report } = await inject(
      { requestsMax: 6, limits: { tokensMax: 40_000 } },
      { sessions: [{ calls: chain }] },
      () => chatStream({ texts: ['live'], firstMs: 2, gapMs: 2, promptTokens: 5000 }),
    )
    expect(report.stoppedBy).toBe('tokens')
    const used = records.reduce(
      (sum, record) => sum + record.promptTokens! + record.outputTokens!,
      0,
    )
    expect(used).toBeLessThanOrEqual(40_000)
    expect(records.length).toBeGreaterThan(1)
  })
})

describe('payloads', () => {
  it('have pictures, none like another, and results of tools', async () => {
    const { requests } = await inject(
      {
        requestsMax: 2,
        workload: {
          images: { perRequest: 2, width: 32, height: 32 },
          toolResults: { count: 2, tokens: { kind: 'fixed', value: 20 } },
        },
      },
      { imageTemplate: createImageTemplate(32, 32) },
    )
    const urls = requests.flatMap(({ body }) =>
      [...JSON.stringify(body).matchAll(/"url":"(data:image\/png[^"]+)"/g)].map(([, url]) => url),
    )
    expect(new Set(urls).size).toBe(4)
    const { messages, tools } = requests[0]!.body as {
      messages: Record<string, unknown>[]
      tools: object[]
    }
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'tool'])
    expect(tools).toHaveLength(1)
    const ids = (messages[1]!['tool_calls'] as { id: string }[]).map(({ id }) => id)
    expect(messages.slice(2).map((message) => message['tool_call_id'])).toEqual(ids)
    expect(String(messages[2]!['content']).split(' ')).toHaveLength(20)
  })
})

describe('the Responses API', () => {
  const event = (value: object) => chunk(`event: x\ndata: ${JSON.stringify(value)}\n\n`)
  const answer: GoldenScript = {
    steps: [
      { afterMs: 5, bytes: Buffer.concat([streamHead, event({ type: 'response.created' })]) },
      { afterMs: 20, bytes: event({ type: 'response.output_text.delta', delta: 'li' }) },
      { afterMs: 30, bytes: event({ type: 'response.output_text.delta', delta: 've' }) },
      {
        afterMs: 40,
        bytes: Buffer.concat([
          event({
            type: 'response.completed',
            response: { usage: { input_tokens: 9, output_tokens: 2 } },
          }),
          chunk(''),
        ]),
      },
    ],
  }
  it('is spoken: items in its form, usage and ends as it has them', async () => {
    const withTools: Session = {
      tools: [{ type: 'function', function: { name: 'f', parameters: {} } }],
      calls: [
        call([], 'q', {
          answer: {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }],
          },
        }),
        call([0], '', {
          continues: 0,
          messages: [{ role: 'tool', tool_call_id: 'c1', content: 'result' }],
        }),
      ],
    }
    const { report, requests } = await inject(
      { endpoint: 'responses', requestsMax: 2 },
      { sessions: [withTools] },
      () => answer,
    )
    expect(report.summary.outcomes).toEqual({ ok: 2 })
    expect(report.summary.ttftMs.count).toBe(2)
    expect(requests[1]!.path).toBe('/v1/responses')
    expect(requests[1]!.body).toMatchObject({
      max_output_tokens: 5,
      stream: true,
      tools: [{ type: 'function', name: 'f', parameters: {} }],
      input: [
        { role: 'user', content: 'q' },
        { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c1', output: 'result' },
      ],
    })
  })
  it('carries on with live text', async () => {
    const { requests } = await inject(
      { endpoint: 'responses', requestsMax: 2, workload: { turns: 2 } },
      {},
      () => answer,
    )
    const { input } = requests[1]!.body as { input: { role: string; content: string }[] }
    expect(input[1]).toEqual({ role: 'assistant', content: 'live' })
  })
})
