import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRandom } from '../core/random.ts'
import { defaultParameters, type EngineParameters } from './engine/parameters.ts'
import type { StepLoad } from './engine/step-load.ts'
import { summarise } from './results/summarise.ts'
import type { PoolSetup, SimulationSetup } from './setup.ts'
import { simulate } from './simulate.ts'
import { linearStepTime } from './step-times.ts'
import type { WorkloadRequest } from './workload.ts'

const stepTime = linearStepTime({
  baseMs: 5,
  promptTokenMs: 0.05,
  sequenceMs: 0.05,
  contextTokenMs: 1e-5,
  promptPairMs: 1e-6,
})
const pool = (
  change: Partial<PoolSetup> = {},
  engine: Partial<EngineParameters> = {},
): PoolSetup => ({
  name: 'main',
  engine: { ...defaultParameters, ...engine },
  stepTime,
  replicas: 1,
  ...change,
})
const steady = (count: number, gapMs: number, promptTokens = 100, answerTokens = 20) =>
  Array.from({ length: count }, (_, at) => ({ atMs: at * gapMs, promptTokens, answerTokens }))

/** Small numbers, so that every limit is hit. */
const engines = fc.record({
  sequencesMax: fc.integer({ min: 1, max: 8 }),
  batchTokens: fc.integer({ min: 1, max: 64 }),
  contextMax: fc.constant(120),
  kvBlocks: fc.integer({ min: 4, max: 40 }),
  blockTokens: fc.constantFrom(1, 4, 16),
  hasPrefixCache: fc.boolean(),
  hasChunkedPrefill: fc.boolean(),
  mixing: fc.constantFrom('mixed' as const, 'prefill-first' as const),
  admission: fc.constantFrom('continuous' as const, 'when-empty' as const),
  reserve: fc.constantFrom('chunk' as const, 'prompt' as const),
  reserveAnswer: fc.constantFrom(0, 0.5, 1),
  order: fc.constantFrom('fcfs' as const, 'priority' as const),
  stepsAhead: fc.constantFrom(0 as const, 1 as const),
  queueMax: fc.constantFrom(2, 1000),
  requestOverheadMs: fc.constantFrom(0, 3),
  speculation: fc.constantFrom(null, { draftTokens: 3, acceptance: 0.6 }),
})

const workloads = fc
  .array(
    fc.record({
      gapMs: fc.constantFrom(0, 0, 1, 7, 60),
      promptTokens: fc.integer({ min: 1, max: 70 }),
      answerTokens: fc.integer({ min: 1, max: 40 }),
      priority: fc.nat(2),
      family: fc.nat(3),
      follows: fc.boolean(),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((drafts): WorkloadRequest[] => {
    let atMs = 0
    return drafts.map(({ gapMs, promptTokens, answerTokens, priority, family, follows }, at) => {
      const isFollower = follows && at > 0
      if (!isFollower) atMs += gapMs
      return {
        atMs: isFollower ? gapMs : atMs,
        promptTokens,
        answerTokens,
        priority,
        blockHashes: Array.from({ length: 5 }, (_, block) => family * 100 + block),
        ...(isFollower ? { after: at - 1 } : {}),
      }
    })
  })

const setups = fc
  .record({
    engine: engines,
    workload: workloads,
    seed: fc.nat(1000),
    replicas: fc.integer({ min: 1, max: 3 }),
    ranks: fc.integer({ min: 1, max: 2 }),
    isSplit: fc.boolean(),
    gateways: fc.integer({ min: 1, max: 2 }),
    concurrencyMax: fc.constantFrom(1, 4, 1000),
    faults: fc.array(
      fc.record({
        kind: fc.constant('crash' as const),
        atMs: fc.integer({ min: 0, max: 400 }),
        replica: fc.nat(3),
        restartMs: fc.constantFrom(null, 20),
      }),
      { maxLength: 2 },
    ),
  })
  .map(({ engine, replicas, ranks, isSplit, ...rest }): SimulationSetup => {
    const whole = pool({ replicas, ranks, startMs: 30 }, engine)
    const transferMs = (tokens: number) => tokens / 10
    const pools: PoolSetup[] = isSplit
      ? [
          { ...whole, name: 'prefill', role: 'prefill', transferMs },
          { ...whole, name: 'decode', role: 'decode' },
        ]
      : [whole]
    return { ...rest, pools, holdTimeoutMs: 2000 }
  })

/** Fails where sequences throw each other out for ever. */
function bounded(setup: SimulationSetup): SimulationSetup {
  let steps = 0
  const counted: PoolSetup['stepTime'] = (ranks) => {
    if (++steps > 100_000) throw new Error('this run does not end')
    return stepTime(ranks)
  }
  return { ...setup, pools: setup.pools.map((one) => ({ ...one, stepTime: counted })) }
}

describe('any engine, any workload', () => {
  test('every request ends exactly once, nobody keeps a block, and no token comes twice', () => {
    fc.assert(
      fc.property(setups, (setup) => {
        const ends = new Map<number, string>()
        const log = (line: string) => {
          const { event, request } = JSON.parse(line) as { event: string; request: number }
          if (!/^request-(finished|rejected|failed)$/.test(event)) return
          expect(ends.has(request), `request ${request} ends again`).toBe(false)
          ends.set(request, event)
        }
        const { requests, replicas } = simulate({ ...bounded(setup), log })
        expect(ends.size).toBe(requests.count)
        for (let id = 0; id < requests.count; id++) {
          expect(requests.isOpen(id)).toBe(false)
          const isFinished = ends.get(id) === 'request-finished'
          const { produced, answerTokens, arrivalMs, admittedMs, firstTokenMs, endMs } = requests
          expect(produced[id]! <= answerTokens[id]!).toBe(true)
          if (!isFinished) continue
          expect(produced[id]).toBe(answerTokens[id])
          const times = [arrivalMs[id]!, admittedMs[id]!, firstTokenMs[id]!, endMs[id]!]
          expect(times).toEqual(times.toSorted((a, b) => a - b))
        }
        const came = replicas.reduce((sum, { outputs }) => sum + outputs, 0)
        expect(came).toBe(requests.produced.reduce((sum, tokens) => sum + tokens, 0))
        for (const replica of replicas) {
          expect(replica).toMatchObject({ inFlight: 0, running: 0, waiting: 0 })
          for (const { kv } of replica.ranks) expect(kv.pool.free).toBe(kv.pool.blocks)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('the same seed gives the same log, byte by byte, and the same figures', () => {
    const digest = (setup: SimulationSetup) => {
      const hash = createHash('sha256')
      const result = simulate({ ...setup, sampleMs: 50, log: (line) => hash.update(line) })
      hash.update(JSON.stringify(summarise(result)))
      return hash.update(JSON.stringify(result.samples)).digest('hex')
    }
    fc.assert(
      fc.property(setups, (setup) => digest(setup) === digest(setup)),
      { numRuns: 60 },
    )
  })

  /**
   * Sequences that only decode are kept in a lane; with priorities there is none. Where all are equally important both
   * have to do the same.
   */
  test('sequences in the lane get what they would get one by one', () => {
    fc.assert(
      fc.property(setups, (setup) => {
        const workload = [...setup.workload]
          .map(({ atMs, promptTokens, answerTokens, blockHashes = [] }) => ({
            atMs,
            promptTokens,
            answerTokens,
            blockHashes,
          }))
          .toSorted((a, b) => a.atMs - b.atMs)
        const linesOf = (order: 'fcfs' | 'priority') => {
          const lines: string[] = []
          const pools = setup.pools.map((one) => ({
            ...one,
            role: 'both' as const,
            // Nobody is sent on because a queue is full: then they come in the order of their ids.
            engine: { ...one.engine, order, speculation: null, queueMax: 1000 },
          }))
          simulate({ ...setup, workload, pools, faults: [], log: (line) => lines.push(line) })
          return lines
        }
        expect(linesOf('fcfs')).toEqual(linesOf('priority'))
      }),
      { numRuns: 200 },
    )
  })

  test('a step never has more sequences or prompt tokens than the engine takes', () => {
    fc.assert(
      fc.property(engines, workloads, (engine, workload) => {
        const watched = (ranks: readonly StepLoad[]): number => {
          for (const load of ranks) {
            expect(load.decodes + load.chunks).toBeLessThanOrEqual(engine.sequencesMax)
            const isAlone = !engine.hasChunkedPrefill && load.chunks === 1
            if (!isAlone) expect(load.prefillTokens).toBeLessThanOrEqual(engine.batchTokens)
            expect(load.contextTokens).toBeLessThanOrEqual(engine.kvBlocks * engine.blockTokens * 2)
          }
          return stepTime(ranks)
        }
        simulate({ seed: 1, workload, pools: [pool({ stepTime: watched }, engine)] })
      }),
    )
  })
})

describe('figures', () => {
  test('one request alone: its steps, one after the other', () => {
    const { requests } = simulate({ seed: 1, pools: [pool()], workload: steady(1, 0, 100, 3) })
    const prefillMs = 5 + 100 * 0.05 + 100 * 50 * 1e-6
    const decodeMs = (context: number) => 5 + 0.05 + context * 1e-5
    expect(requests.firstTokenMs[0]).toBeCloseTo(prefillMs)
    expect(requests.endMs[0]).toBeCloseTo(prefillMs + decodeMs(101) + decodeMs(102))
  })

  test('at a modest load Little has his way', () => {
    const random = createRandom(3)
    let atMs = 0
    const workload = Array.from({ length: 4000 }, () => ({
      atMs: (atMs += -Math.log(1 - random()) * 100),
      promptTokens: 200,
      answerTokens: 50,
    }))
    const result = simulate({ seed: 1, workload, pools: [pool({}, { stepsAhead: 0 })] })
    const { e2eMs, replicas } = summarise(result)
    const { runningMean, utilisation } = replicas[0]!
    expect((runningMean * utilisation) / (e2eMs.mean! / 100)).toBeCloseTo(1, 1)
  })

  test('more memory never costs throughput', () => {
    const workload = steady(300, 10, 300, 100)
    let last = 0
    for (const kvBlocks of [100, 200, 400, 800, 1600, 3200]) {
      const result = simulate({ seed: 1, workload, pools: [pool({}, { kvBlocks })] })
      const { outputTokensPerS } = summarise(result)
      expect(outputTokensPerS, `${kvBlocks} blocks`).toBeGreaterThanOrEqual(last * 0.99)
      last = outputTokensPerS
    }
  })

  test('a second replica, a faster step and a shorter answer each bring answers sooner', () => {
    const meanMs = (change: Partial<PoolSetup>, answerTokens = 100) => {
      const workload = steady(200, 20, 300, answerTokens)
      return summarise(simulate({ seed: 1, workload, pools: [pool(change)] })).e2eMs.mean!
    }
    const before = meanMs({})
    expect(meanMs({ replicas: 2 })).toBeLessThan(before)
    expect(meanMs({ stepTime: (ranks) => stepTime(ranks) / 2 })).toBeLessThan(before)
    expect(meanMs({}, 50)).toBeLessThan(before)
  })

  test('what asynchronous scheduling decides ahead, a new request waits for', () => {
    const ttftMs = (stepsAhead: 0 | 1) => {
      const workload = [
        { atMs: 0, promptTokens: 10, answerTokens: 100 },
        { atMs: 100, promptTokens: 10, answerTokens: 2 },
      ]
      const { requests } = simulate({ seed: 1, workload, pools: [pool({}, { stepsAhead })] })
      return requests.firstTokenMs[1]! - 100
    }
    expect(ttftMs(1) - ttftMs(0)).toBeCloseTo(5, 0)
  })

  test('a client that waits its turn starts its clock when it is sent', () => {
    const setup = { seed: 1, workload: steady(30, 0), pools: [pool()], concurrencyMax: 3 }
    const result = simulate(setup)
    const { replicas, ttftMs } = summarise(result)
    expect(replicas[0]!.runningMean).toBeLessThanOrEqual(3)
    expect(ttftMs.max).toBeLessThan(40)
  })
})

test.each<[string, WorkloadRequest[]]>([
  ['comes at 1 ms, after one at 5 ms', [request({ atMs: 5 }), request({ atMs: 1 })]],
  ['has 0 prompt', [request({ promptTokens: 0 })]],
  ['has 5 prompt and 1.5 answer tokens', [request({ answerTokens: 1.5 })]],
  ['follows request 1, which does not come before it', [request({}), request({ after: 1 })]],
  ['comes at NaN ms', [request({ atMs: NaN })]],
])('a workload is refused that %s', (reason, workload) => {
  expect(() => simulate({ seed: 1, workload, pools: [pool()] })).toThrow(reason)
})

function request(change: Partial<WorkloadRequest>): WorkloadRequest {
  return { atMs: 0, promptTokens: 5, answerTokens: 2, ...change }
}
