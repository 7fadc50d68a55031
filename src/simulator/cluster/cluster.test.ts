import { expect, test } from 'vitest'
import { defaultParameters, type EngineParameters } from '../engine/parameters.ts'
import { summarise } from '../results/summarise.ts'
import type { PoolSetup, SimulationSetup } from '../setup.ts'
import { simulate } from '../simulate.ts'
import type { PoolFrame } from './autoscaler.ts'

const engine = (change: Partial<EngineParameters> = {}): EngineParameters => ({
  ...defaultParameters,
  stepsAhead: 0,
  ...change,
})
/** Ten milliseconds a step, whatever is in it. */
const pool = (change: Partial<PoolSetup> = {}): PoolSetup => ({
  name: 'main',
  engine: engine(),
  stepTime: () => 10,
  replicas: 1,
  ...change,
})
const steady = (count: number, gapMs: number, answerTokens = 10) =>
  Array.from({ length: count }, (_, at) => ({ atMs: at * gapMs, promptTokens: 10, answerTokens }))

/** A run with its log: `events('replica-ready')` gives their fields. */
function run(setup: Partial<SimulationSetup>) {
  const lines: Record<string, unknown>[] = []
  const log = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>)
  const result = simulate({ seed: 1, pools: [pool()], workload: [], log, ...setup })
  const events = (name: string) => lines.filter(({ event }) => event === name)
  return { ...result, events, summary: summarise(result) }
}

test('the production policy spreads requests over replicas, and by weight over deployments', () => {
  const pools = [pool({ replicas: 2, weight: 3 }), pool({ name: 'canary', weight: 1 })]
  const { events } = run({ pools, workload: steady(2000, 5) })
  const share = (id: string) =>
    events('request-routed').filter(({ replica }) => replica === id).length / 2000
  expect(share('main-0')).toBeCloseTo(0.375, 1)
  expect(share('main-1')).toBeCloseTo(0.375, 1)
  expect(share('canary-2')).toBeCloseTo(0.25, 1)
})

test('who has shown nothing yet is tried elsewhere when a replica dies, who has is lost', () => {
  const { requests, events } = run({
    pools: [pool({ replicas: 2, engine: engine({ sequencesMax: 1 }) })],
    workload: steady(6, 0, 100),
    faults: [{ kind: 'crash', atMs: 500, replica: 0, restartMs: null }],
  })
  expect(events('request-failed')).toHaveLength(1)
  expect(events('request-retried')).toHaveLength(2)
  for (const { request } of events('request-retried'))
    expect(requests.replica[request as number]).toBe(1)
})

test('another replica takes the place of one that died, after its start', () => {
  const { events, summary } = run({
    pools: [pool({ startMs: 5000 })],
    workload: steady(20, 500),
    faults: [{ kind: 'crash', atMs: 3035, replica: 0, restartMs: 1000 }],
  })
  expect(events('replica-ready').at(-1)).toEqual({
    atMs: 9035,
    event: 'replica-ready',
    replica: 'main-1',
  })
  expect(events('request-held').length).toBeGreaterThan(5)
  expect(summary.requests).toMatchObject({ finished: 19, failed: 1 })
  expect(summary.ttftMs.max).toBeGreaterThan(5000)
})

test('nobody waits for a replica longer than the gateway holds', () => {
  const { events, summary } = run({
    pools: [pool({ replicas: 0 })],
    workload: steady(2, 100),
    holdTimeoutMs: 3000,
  })
  expect(summary.requests.rejected).toBe(2)
  expect(events('request-rejected')).toEqual([
    expect.objectContaining({ atMs: 3000, reason: 'no-ready-replica' }),
    expect.objectContaining({ atMs: 3100 }),
  ])
})

test('a full queue is another replica’s chance', () => {
  const full = engine({ sequencesMax: 1, queueMax: 1 })
  const { summary } = run({ pools: [pool({ replicas: 2, engine: full })], workload: steady(6, 0) })
  // Two run, two wait; at this very moment nobody runs yet, so that two were all that fitted.
  expect(summary.requests).toMatchObject({ finished: 2, rejected: 4 })
})

test('a slow replica is slow for as long as was said', () => {
  const { events } = run({
    workload: steady(1, 0, 20),
    faults: [{ kind: 'slow', atMs: 95, replica: 0, factor: 3, forMs: 55 }],
  })
  // Nine steps, two of 30 ms, nine more.
  expect(events('request-finished')[0]!['atMs']).toBe(100 + 2 * 30 + 8 * 10)
})

test('an autoscaler sees its pool, gets what it asks for after the start, and drains what is too much', () => {
  const frames: PoolFrame[] = []
  const decide = (frame: PoolFrame) => {
    frames.push(frame)
    return { replicas: frame.nowMs < 4000 ? 3 : 1, reason: 'by the clock' }
  }
  const { events, replicas } = run({
    pools: [pool({ startMs: 700, autoscaler: { intervalMs: 1000, decide } })],
    workload: steady(100, 100),
  })
  expect(frames[0]).toMatchObject({ ready: 1, starting: 0, arrivalsPerS: 11, utilisation: 1 })
  expect(frames[1]).toMatchObject({ nowMs: 2000, ready: 3, starting: 0 })
  expect(events('replica-ready').map(({ atMs }) => atMs)).toEqual([0, 1700, 1700])
  expect(events('autoscaler-decided')[0]).toMatchObject({ replicas: 3, reason: 'by the clock' })
  expect(replicas.map(({ state }) => state).toSorted()).toEqual(['ready', 'stopped', 'stopped'])
  expect(events('request-failed')).toHaveLength(0)
})

test('a pool at zero is woken by the first request, which is held until a replica is ready', () => {
  const decide = ({ held, running, nowMs }: PoolFrame) => ({
    replicas: held + running > 0 ? 1 : 0,
    reason: `${held} held at ${nowMs}`,
  })
  const { events, scaling, summary, requests } = run({
    pools: [pool({ replicas: 0, startMs: 700, autoscaler: { intervalMs: 1000, decide } })],
    workload: [{ atMs: 1300, promptTokens: 10, answerTokens: 10 }],
    watchMs: 5000,
  })
  expect(scaling).toEqual([
    { atMs: 1300, pool: 'main', from: 0, replicas: 1, reason: '1 held at 1300' },
    { atMs: 3000, pool: 'main', from: 1, replicas: 0, reason: '0 held at 3000' },
  ])
  expect(events('replica-ready')[0]).toMatchObject({ atMs: 2000 })
  expect(requests.firstTokenMs[0]).toBe(2010)
  expect(summary).toMatchObject({ held: 1, watchedMs: 5000, requests: { finished: 1 } })
  expect(summary.replicaHours).toBeCloseTo(1700 / 3.6e6, 9)
})

test('a draining replica ends what it has and gets no more', () => {
  const decide = ({ nowMs }: PoolFrame) => ({ replicas: nowMs < 900 ? 2 : 1, reason: '' })
  const { events, summary } = run({
    pools: [pool({ replicas: 2, autoscaler: { intervalMs: 500, decide } })],
    workload: steady(40, 50, 60),
  })
  const [draining] = events('replica-draining')
  const [stopped] = events('replica-stopped')
  expect(draining).toMatchObject({ atMs: 1000 })
  expect(stopped!['atMs']).toBeGreaterThan(1300)
  const late = events('request-routed').filter(({ atMs }) => (atMs as number) > 1000)
  expect(late.some(({ replica }) => replica === draining!['replica'])).toBe(false)
  expect(summary.requests.finished).toBe(40)
})

test('prefill and decoding apart: the KV travels between, and prompts never hold up decoding', () => {
  const stepTime: PoolSetup['stepTime'] = ([load]) => 10 + load!.prefillTokens
  const split = [
    pool({ name: 'prefill', role: 'prefill', stepTime, transferMs: (tokens) => tokens / 2 }),
    pool({ name: 'decode', role: 'decode', stepTime }),
  ]
  const { requests, events, summary } = run({ pools: split, workload: steady(20, 17, 30) })
  expect(requests.firstTokenMs[0]).toBe(20)
  expect(events('request-transferred')[0]).toMatchObject({ atMs: 25, request: 0 })
  expect(requests.endMs[0]).toBe(25 + 29 * 10)
  expect(summary.tpotMs.max).toBeLessThan(11)
  const together = run({ pools: [pool({ stepTime })], workload: steady(20, 17, 30) })
  expect(together.summary.tpotMs.max).toBeGreaterThan(13)
})

test('ranks step together and share the work', () => {
  const seen = new Set<number>()
  const stepTime: PoolSetup['stepTime'] = (ranks) => {
    for (const [at, { decodes }] of ranks.entries()) if (decodes > 0) seen.add(at)
    return 10
  }
  const { replicas } = run({ pools: [pool({ ranks: 2, stepTime })], workload: steady(8, 0, 5) })
  expect([...seen]).toEqual([0, 1])
  expect(replicas[0]!.totals.steps).toBe(5)
})

test('a gateway that counts only its own requests balances worse than one that sees all', () => {
  const meanMs = (gateways: number) => {
    const stepTime: PoolSetup['stepTime'] = ([load]) => 5 + load!.decodes
    const pools = [pool({ replicas: 8, stepTime })]
    return run({ pools, gateways, workload: steady(3000, 3, 40) }).summary.e2eMs.mean!
  }
  expect(meanMs(8)).toBeGreaterThan(meanMs(1))
})
