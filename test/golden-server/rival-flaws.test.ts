import { afterEach, describe, expect, it, vi } from 'vitest'
import type { InjectionSpec } from '../../src/contract/injection-spec.ts'
import { createEndpointCalls, countMissingTokens } from '../../src/injector/drive/endpoint-calls.ts'
import { createDriver } from '../../src/injector/drive/driver.ts'
import type { FleetPart } from '../../src/injector/drive/fleet.ts'
import { unpackRecords } from '../../src/injector/drive/record-log.ts'
import { createRequestBuilder } from '../../src/injector/drive/request-builder.ts'
import { createRunClock } from '../../src/injector/drive/run-clock.ts'
import { resolveTarget } from '../../src/injector/drive/target.ts'
import { completeSpec } from '../../src/injector/policy/default-spec.ts'
import type { PromptSources } from '../../src/injector/policy/workload/prompt.ts'
import { buildSchedule } from '../../src/injector/policy/workload/schedule.ts'
import { chatStream, plainAnswer, type GoldenScript } from './golden-script.ts'
import { startGoldenServer, type GoldenArrival, type GoldenServer } from './golden-server.ts'
import { play } from './virtual-run.ts'

/**
 * Flaws of other tools that lie in how they send, not in what they compute (those: closed-form.test.ts). Each test
 * fails with the flaw built in: mutations.ts does that.
 */
const servers: GoldenServer[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  for (const server of servers.splice(0)) await server.close()
})

async function golden(
  script: (arrival: GoldenArrival, index: number) => GoldenScript,
): Promise<GoldenServer> {
  const server = await startGoldenServer(script)
  servers.push(server)
  return server
}

const sourcesOf = (spec: InjectionSpec): PromptSources => ({
  spec,
  schedule: buildSchedule(spec),
  dataset: [],
  sessions: null,
  imageTemplate: null,
  prefixBlocks: null,
  wordsPerToken: 1,
  templateTokens: 0,
})

async function drive(
  spec: InjectionSpec,
  { whileRunning, until }: { whileRunning?: () => void; until?: () => boolean } = {},
): Promise<FleetPart> {
  const clock = createRunClock()
  const driver = createDriver({
    runId: 'run',
    target: await resolveTarget(spec.url, spec.endpoint, undefined),
    clock,
    shard: { index: 0, count: 1 },
    sources: sourcesOf(spec),
  })
  await driver.prepare()
  const running = driver.run(clock() + 20)
  const poll = setInterval(() => until?.() && driver.stop(), 5)
  whileRunning?.()
  const { result, records } = await running
  clearInterval(poll)
  return { ...result, records: unpackRecords(records) }
}

const constant = (ratePerS: number) => ({ kind: 'open', arrivals: 'constant', ratePerS }) as const
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('how others send', () => {
  it('GuideLLM, inference-perf: no pool holds more than 100 streams back', async () => {
    const server = await golden(() => ({ steps: [] }))
    const spec = completeSpec({ url: server.url, load: constant(1000), durationMs: 350 })
    const { records } = await drive(spec, { until: () => server.arrivals.length === 350 })
    expect(server.arrivals).toHaveLength(350)
    expect(records.every(({ outcome }) => outcome === 'unfinished_at_cutoff')).toBe(true)
  })

  it('AIPerf, evalscope: what a stalled client missed is sent late, as late is counted, and the schedule stays', async () => {
    const server = await golden(() => chatStream({ texts: ['a'], firstMs: 1, gapMs: 1 }))
    const spec = completeSpec({ url: server.url, load: constant(100), durationMs: 600 })
    const { records, scheduled } = await drive(spec, {
      whileRunning: () =>
        void setTimeout(() => {
          const endMs = performance.now() + 200
          while (performance.now() < endMs);
        }, 150),
    })
    expect(records).toHaveLength(scheduled)
    expect(scheduled).toBe(60)
    const sorted = records.toSorted((a, b) => a.index - b.index)
    expect(sorted.map(({ intendedMs }) => intendedMs)).toEqual(sorted.map((_, index) => index * 10))
    const delays = sorted.map(({ handedMs, intendedMs }) => handedMs - intendedMs)
    expect(Math.max(...delays)).toBeGreaterThan(150)
    // Nobody pays for the stall but those who fell into it.
    expect(Math.min(...delays.slice(-10))).toBeLessThan(Math.max(...delays))
  })

  it('vLLM: a wall clock that jumps moves no stamp', async () => {
    const real = Date.now.bind(Date)
    let calls = 0
    vi.spyOn(Date, 'now').mockImplementation(() => real() + (calls++ % 2) * 3_600_000)
    const server = await golden(() => chatStream({ texts: ['a', 'b'], firstMs: 5, gapMs: 5 }))
    const spec = completeSpec({ url: server.url, load: constant(50), durationMs: 200 })
    const { records } = await drive(spec)
    for (const { intendedMs, handedMs, contentMs, doneMs } of records) {
      expect(handedMs).toBeGreaterThanOrEqual(intendedMs)
      expect(contentMs[0]).toBeGreaterThan(handedMs)
      expect(doneMs - handedMs).toBeLessThan(5000)
    }
  })

  it('vLLM, inference-perf: long prompts are ready before they fall due', async () => {
    const server = await golden(() => ({ steps: [] }))
    const spec = completeSpec({
      url: server.url,
      load: constant(10),
      durationMs: 1000,
    })
    const target = await resolveTarget(spec.url, spec.endpoint, undefined)
    let made = 0
    const turns = ['whale '.repeat(50_000)]
    const prompt = {
      get turns() {
        made++
        return turns
      },
    }
    const builder = createRequestBuilder({ ...sourcesOf(spec), dataset: [prompt] }, target, 'run')
    expect(builder.prefetch(3)).toBe(true)
    const before = made
    expect(before).toBeGreaterThan(0)
    expect(builder.build(3, 3).length).toBeGreaterThan(300_000)
    expect(made).toBe(before)
  })

  it('evalscope: users of a closed loop do not all begin at once', async () => {
    const server = await golden(() => chatStream({ texts: ['a'], firstMs: 300, gapMs: 1 }))
    const spec = completeSpec({
      url: server.url,
      load: { kind: 'closed', users: 4, thinkTimeMs: 0, rampMs: 200 },
      durationMs: 240,
    })
    const { records } = await drive(spec)
    expect(records.map(({ intendedMs }) => intendedMs)).toEqual([0, 50, 100, 150])
  })

  it('inference-perf: tokens without usage are counted once in the whole text, after the run', async () => {
    const texts = ['Zw', 'ölf', ' Bä', 'ren']
    const record = play({ script: chatStream({ texts, firstMs: 5, gapMs: 5, hasUsage: false }) })
    const server = await golden((arrival) => {
      const { prompt } = arrival.body as { prompt: string }
      return plainAnswer(200, JSON.stringify({ count: prompt.split(' ').length }))
    })
    await countMissingTokens([record], createEndpointCalls(server.url, undefined), () => 'm')
    expect(
      server.arrivals.map(({ path, body }) => [path, body['prompt'], body['add_special_tokens']]),
    ).toEqual([['/tokenize', 'Zwölf Bären', false]])
    expect(record).toMatchObject({ outputTokens: 2, tokenSource: 'tokenize', text: null })
  })

  it('AIPerf: a connection is used again, whatever its answer was', async () => {
    const server = await golden((_, index) =>
      index % 2 === 0
        ? chatStream({ texts: ['a'], firstMs: 1, gapMs: 1 })
        : plainAnswer(429, '{"error":{"message":"slow down"}}'),
    )
    const spec = completeSpec({ url: server.url, load: constant(10), durationMs: 2000 })
    const { records } = await drive(spec)
    expect(records).toHaveLength(20)
    await pause(5)
    // One each would be 20, and one more that looks whether anybody listens.
    expect(server.connections.accepted).toBeLessThan(14)
  })
})
