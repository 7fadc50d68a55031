import { afterEach, describe, expect, it } from 'vitest'
import type { InjectionSpec } from '../../src/contract/injection-spec.ts'
import { createDriver } from '../../src/injector/drive/driver.ts'
import type { FleetPart } from '../../src/injector/drive/fleet.ts'
import { unpackRecords } from '../../src/injector/drive/record-log.ts'
import { createRunClock } from '../../src/injector/drive/run-clock.ts'
import { resolveTarget } from '../../src/injector/drive/target.ts'
import { completeSpec } from '../../src/injector/policy/default-spec.ts'
import { buildSchedule } from '../../src/injector/policy/workload/schedule.ts'
import { runInjection } from '../../src/injector/run-injection.ts'
import { chatStream, plainAnswer, type GoldenScript, type StreamPlan } from './golden-script.ts'
import { startGoldenServer, type GoldenArrival, type GoldenServer } from './golden-server.ts'

const servers: GoldenServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function golden(
  script: GoldenScript | ((arrival: GoldenArrival, index: number) => GoldenScript),
): Promise<GoldenServer> {
  const server = await startGoldenServer(typeof script === 'function' ? script : () => script)
  servers.push(server)
  return server
}

const plan: StreamPlan = { texts: ['a', 'b', 'c'], firstMs: 5, gapMs: 5 }
const quick = chatStream(plan)

type Changes = Parameters<typeof completeSpec>[0]

async function drive(
  server: GoldenServer,
  changes: Changes,
  { stopWhen }: { stopWhen?: () => boolean } = {},
): Promise<FleetPart & { spec: InjectionSpec }> {
  const spec = completeSpec({
    url: server.url,
    load: { kind: 'open', arrivals: 'constant', ratePerS: 50 },
    durationMs: 200,
    graceMs: 20_000,
    ...changes,
  })
  const clock = createRunClock()
  const driver = createDriver({
    runId: 'run',
    target: await resolveTarget(spec.url, spec.endpoint, 'secret'),
    clock,
    shard: { index: 0, count: 1 },
    sources: {
      spec,
      schedule: buildSchedule(spec),
      dataset: [],
      sessions: null,
      imageTemplate: null,
      prefixBlocks: null,
      wordsPerToken: 1,
      templateTokens: 0,
    },
  })
  await driver.prepare()
  const running = driver.run(clock() + 20)
  const poll = setInterval(() => stopWhen?.() && driver.stop(), 5)
  const { result, records } = await running
  clearInterval(poll)
  return { ...result, records: unpackRecords(records), spec }
}

const outcomesOf = ({ records }: FleetPart) =>
  Object.fromEntries(
    Object.entries(Object.groupBy(records, ({ outcome }) => outcome)).map(([name, list]) => [
      name,
      list?.length,
    ]),
  )

describe('open loop', () => {
  it('sends each request once, names it, and stamps what the server did when', async () => {
    const server = await golden(quick)
    const result = await drive(server, {})
    expect(outcomesOf(result)).toEqual({ ok: 10 })
    expect(result.scheduled).toBe(10)
    for (const record of result.records) {
      const arrival = server.arrivals.find(({ head }) =>
        head.includes(`x-request-id: run-${record.index}\r`),
      )!
      expect(arrival.head).toMatch(/^POST \/v1\/chat\/completions HTTP\/1\.1/)
      expect(arrival.head).toMatch(/authorization: Bearer secret/)
      expect(record.intendedMs).toBe(record.index * 20)
      // Cause before effect, on one clock: what the server wrote is stamped after it was written.
      const gaps = record.contentMs.map(
        (atMs, index) => atMs - record.handedMs - (arrival.writtenMs[index + 1]! - arrival.atMs),
      )
      expect(record.handedMs).toBeGreaterThanOrEqual(record.intendedMs)
      expect(Math.min(...gaps)).toBeGreaterThan(-1)
      expect(record).toMatchObject({ outputTokens: 3, promptTokens: 7, tokenSource: 'usage' })
    }
  })

  it('never becomes a closed loop: all requests arrive though none is answered', async () => {
    // None is ever answered: a client that waits for answers would not get beyond its first ones.
    const server = await golden({ steps: [] })
    const result = await drive(
      server,
      { load: { kind: 'open', arrivals: 'constant', ratePerS: 200 }, durationMs: 300 },
      { stopWhen: () => server.arrivals.length === 60 },
    )
    expect(outcomesOf(result)).toEqual({ unfinished_at_cutoff: 60 })
    // Those that fall due while others are sent are not sent along.
    expect(result.records.every(({ handedMs, intendedMs }) => handedMs >= intendedMs)).toBe(true)
  })

  it('keeps what a stalled connection would hide: later requests do not wait for it', async () => {
    const server = await golden((_, index) => (index === 0 ? { steps: [] } : quick))
    const result = await drive(server, { timeouts: { ttftMs: 2000 } })
    expect(outcomesOf(result)).toEqual({ ok: 9, timeout_ttft: 1 })
  })

  it('uses connections again', async () => {
    const server = await golden(quick)
    const result = await drive(server, {
      load: { kind: 'open', arrivals: 'constant', ratePerS: 5 },
      durationMs: 1000,
    })
    expect(outcomesOf(result)).toEqual({ ok: 5 })
    expect(server.connections.accepted).toBeLessThanOrEqual(2 + 4)
    expect(
      result.records.filter(({ connectedMs }) => Number.isNaN(connectedMs)).length,
    ).toBeGreaterThan(0)
  })

  it('sheds above the bound instead of waiting, and counts that', async () => {
    const server = await golden({ steps: [] })
    const result = await drive(server, { limits: { inFlightMax: 4 }, graceMs: 1 })
    expect(outcomesOf(result)).toEqual({ shed_by_client: 6, unfinished_at_cutoff: 4 })
  })

  it('ends with what it has when it is stopped', async () => {
    const server = await golden({ steps: [] })
    const result = await drive(
      server,
      { durationMs: 600_000 },
      { stopWhen: () => server.arrivals.length >= 5 },
    )
    expect(result.stoppedBy).toBe('interrupt')
    expect(result.records).toHaveLength(result.scheduled)
    expect(Object.keys(outcomesOf(result))).toEqual(['unfinished_at_cutoff'])
  })

  it('never asks for more tokens than it may use', async () => {
    const server = await golden(quick)
    const result = await drive(server, {
      limits: { tokensMax: 1000 },
      workload: {
        inputTokens: { kind: 'fixed', value: 10 },
        outputTokens: { kind: 'fixed', value: 10 },
      },
      load: { kind: 'open', arrivals: 'constant', ratePerS: 100 },
      durationMs: 20_000,
    })
    expect(result.stoppedBy).toBe('tokens')
    const used = result.records.reduce(
      (sum, record) => sum + record.promptTokens! + record.outputTokens!,
      0,
    )
    expect(used).toBeLessThanOrEqual(1000)
    expect(used).toBeGreaterThan(400)
  })

  it.each([
    ['reset', { breakAfter: 1, breakWith: 'rst' }],
    ['truncated', { breakAfter: 1, breakWith: 'fin' }],
    ['sse_error', { breakAfter: 1, breakWith: 'error-event' }],
    ['timeout_stall', { breakAfter: 1, breakWith: 'silence' }],
    ['malformed', { breakAfter: 1, breakWith: 'garbage' }],
  ] as const)('%s', async (outcome, change) => {
    const server = await golden(chatStream({ ...plan, ...change }))
    const stallMs = outcome === 'timeout_stall' ? 100 : 10_000
    const result = await drive(server, { timeouts: { stallMs } })
    expect(outcomesOf(result)).toEqual({ [outcome]: 10 })
  })

  it('connect: a server that goes away', async () => {
    const server = await golden(plainAnswer(503, '{}'))
    const pending = drive(server, {
      load: { kind: 'open', arrivals: 'constant', ratePerS: 20 },
      durationMs: 1500,
    })
    while (server.arrivals.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    servers.length = 0
    await server.close()
    const outcomes = outcomesOf(await pending)
    expect(outcomes['connect']).toBeGreaterThan(0)
    expect(outcomes['503']).toBeGreaterThan(0)
  })
})

describe('closed loop', () => {
  it('keeps one request a user in flight', async () => {
    const server = await golden(quick)
    const result = await drive(server, {
      load: { kind: 'closed', users: 3, thinkTimeMs: 0, rampMs: 0 },
      durationMs: 300,
    })
    expect(outcomesOf(result)).toEqual({ ok: result.records.length })
    expect(result.records.length).toBeGreaterThan(3)
    // One more looked whether anybody listens.
    expect(server.connections.accepted).toBeLessThanOrEqual(3 + 1)
    for (const { handedMs, endedMs } of result.records) {
      const overlapping = result.records.filter(
        (other) => other.handedMs <= handedMs && other.endedMs > handedMs,
      )
      expect(overlapping.length).toBeLessThanOrEqual(3)
      expect(endedMs).toBeGreaterThan(handedMs)
    }
    expect(new Set(result.records.map(({ index }) => index)).size).toBe(result.records.length)
    expect(result.scheduled).toBe(result.records.length)
  })

  it('stops at a number of requests', async () => {
    const server = await golden(quick)
    const result = await drive(server, {
      load: { kind: 'closed', users: 2, thinkTimeMs: 0, rampMs: 0 },
      durationMs: 30_000,
      requestsMax: 7,
    })
    expect(result.records).toHaveLength(7)
  })
})

describe('conversations', () => {
  it('carry what was said before, and start a turn after the answer and the pause', async () => {
    const server = await golden(quick)
    const result = await drive(server, {
      load: { kind: 'open', arrivals: 'constant', ratePerS: 5 },
      durationMs: 2000,
      requestsMax: 3,
      workload: { turns: 3, thinkTimeMs: 10, sharedPrefix: { groups: 1, tokens: 4 } },
    })
    expect(result.records.map(({ turn }) => turn)).toEqual([0, 1, 2])
    const last = server.arrivals.at(-1)!.body as { messages: { role: string; content: string }[] }
    expect(last.messages.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'user',
      'assistant',
      'user',
    ])
    expect(last.messages[2]!.content).toBe('abc')
    const [first, second] = result.records
    expect(second!.intendedMs).toBeCloseTo(first!.endedMs + 10, 6)
  })
})

describe('threads', () => {
  it('share one schedule: the same requests whatever their number', async () => {
    const server = await golden(quick)
    const spec = completeSpec({
      url: server.url,
      load: { kind: 'open', arrivals: 'poisson', ratePerS: 60 },
      durationMs: 500,
      workload: { outputTokens: { kind: 'uniform', min: 1, max: 50 } },
    })
    const intended: string[] = []
    const bodies: string[] = []
    for (const workers of [1, 2]) {
      const from = server.arrivals.length
      const { report, records } = await runInjection(
        { ...spec, workers },
        { id: 'run', interrupt: new AbortController().signal },
      )
      expect(report.summary.outcomes).toEqual({ ok: records.length })
      expect(report.summary.validity.isConserved).toBe(true)
      intended.push(JSON.stringify(records.map((record) => [record.index, record.intendedMs])))
      const sent = server.arrivals.slice(from).filter(({ path }) => path.includes('chat'))
      bodies.push(JSON.stringify(sent.map(({ body }) => JSON.stringify(body)).sort()))
    }
    expect(intended[0]).toBe(intended[1])
    expect(bodies[0]).toBe(bodies[1])
  })
})
