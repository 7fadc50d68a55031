import { expect, test } from 'vitest'
import { createRandom } from '../../core/random.ts'
import { RequestTable } from '../request-table.ts'
import type { WorkloadRequest } from '../workload.ts'
import { createBatch } from './batch.ts'
import { defaultParameters, type EngineParameters } from './parameters.ts'
import { Scheduler } from './scheduler.ts'

/** Steps an engine to the end; each step as "request:tokens", `+` where a token comes out. */
function run(parameters: Partial<EngineParameters>, requests: readonly Partial<WorkloadRequest>[]) {
  const engine = { ...defaultParameters, stepsAhead: 0, ...parameters } as EngineParameters
  const table = new RequestTable(engine.blockTokens)
  const told: string[] = []
  const tell = (what: string) => (id: number) => void told.push(`${what} ${id}`)
  const listener = {
    admitted: tell('admitted'),
    preempted: tell('preempted'),
    firstToken: tell('first'),
    finished: tell('finished'),
  }
  const scheduler = new Scheduler(engine, table, listener, createRandom(1))
  const refusals = requests.map((request) => {
    const id = table.add({ atMs: 0, promptTokens: 10, answerTokens: 3, ...request })
    table.goalTokens[id] = table.answerTokens[id]!
    return scheduler.enqueue(id)
  })
  const batch = createBatch(engine.sequencesMax)
  const steps: string[] = []
  for (; steps.length < 500 && scheduler.plan(batch); scheduler.complete(batch)) {
    scheduler.settle()
    const live = Array.from({ length: batch.count }, (_, at) => at).filter(
      (at) => table.epoch[batch.requests[at]!] === batch.epochs[at],
    )
    live.sort((a, b) => batch.requests[a]! - batch.requests[b]!)
    const tell = (at: number) =>
      `${batch.requests[at]}:${batch.tokens[at]}${batch.works[at] === 0 ? '' : '+'}`
    steps.push(live.map(tell).join(' '))
  }
  return { steps, told, table, scheduler, refusals }
}

test('a long prompt is spread over steps, and running sequences go on beside it', () => {
  const { steps } = run({ batchTokens: 8 }, [{ promptTokens: 3 }, { promptTokens: 15 }])
  expect(steps).toEqual(['0:3+ 1:5', '0:1+ 1:7', '0:1+ 1:3+', '1:1+', '1:1+'])
})

test('without chunks a prompt waits for a step that has room, and a longer one goes alone', () => {
  const { steps } = run({ batchTokens: 8, hasChunkedPrefill: false }, [
    { promptTokens: 5, answerTokens: 1 },
    { promptTokens: 4, answerTokens: 1 },
    { promptTokens: 20, answerTokens: 1 },
  ])
  expect(steps).toEqual(['0:5+', '1:4+', '2:20+'])
})

test('prompts first: decoding stands still while prompts are computed', () => {
  const { steps } = run({ batchTokens: 8, mixing: 'prefill-first', sequencesMax: 2 }, [
    { promptTokens: 8, answerTokens: 2 },
    { promptTokens: 9, answerTokens: 2 },
    { promptTokens: 1, answerTokens: 1 },
  ])
  expect(steps).toEqual(['0:8+', '1:8', '1:1+', '0:1+ 1:1+', '2:1+'])
})

test('static batching: the next batch starts when the last one has ended', () => {
  const { steps } = run({ admission: 'when-empty', sequencesMax: 2 }, [
    { answerTokens: 1 },
    { answerTokens: 3 },
    { answerTokens: 1 },
  ])
  expect(steps).toEqual(['0:10+ 1:10+', '1:1+', '1:1+', '2:10+'])
})

test('who finds no block throws out the last one, which starts over before those that wait', () => {
  const { steps, told, table } = run(
    { kvBlocks: 4, blockTokens: 4, hasPrefixCache: false, sequencesMax: 2 },
    [
      { promptTokens: 8, answerTokens: 4 },
      { promptTokens: 7, answerTokens: 4 },
      { promptTokens: 1, answerTokens: 1 },
    ],
  )
  // The eighth token of 1 fits, the ninth of 0 does not.
  expect(steps).toEqual(['0:8+ 1:7+', '0:1+', '0:1+', '0:1+', '1:8+ 2:1+', '1:1+', '1:1+'])
  expect(told.filter((line) => line.startsWith('preempted'))).toEqual(['preempted 1'])
  expect(table.preemptions[1]).toBe(1)
})

test('who was thrown out finds again what nobody has overwritten', () => {
  const { steps } = run({ kvBlocks: 6, blockTokens: 4, sequencesMax: 2 }, [
    { promptTokens: 12, answerTokens: 4 },
    { promptTokens: 12, answerTokens: 2 },
  ])
  expect(steps[0]).toBe('0:12+ 1:12+')
  // 13 tokens in three full blocks, the last of which the other one has taken.
  expect(steps.find((step) => step.startsWith('1:'))).toBe('1:5+')
})

test('a common beginning is computed once, but never the whole prompt is left out', () => {
  const { steps, table, scheduler } = run({ blockTokens: 4, batchTokens: 8 }, [
    { promptTokens: 8, answerTokens: 1, blockHashes: [1, 2] },
    { promptTokens: 8, answerTokens: 1, blockHashes: [1, 2] },
    { promptTokens: 9, answerTokens: 1, blockHashes: [1, 3] },
  ])
  expect(steps).toEqual(['0:8+', '1:4+ 2:4', '2:1+'])
  expect([...table.cachedTokens.subarray(0, 3)]).toEqual([0, 4, 4])
  expect(scheduler.kv.usage).toBe(0)
})

test('reserving the answer means that nobody is ever thrown out', () => {
  const requests = Array.from({ length: 6 }, () => ({ promptTokens: 8, answerTokens: 16 }))
  const tight = { kvBlocks: 12, blockTokens: 4 }
  expect(run(tight, requests).told.join()).toContain('preempted')
  expect(run({ ...tight, reserveAnswer: 1 }, requests).told.join()).not.toContain('preempted')
})

test('more important requests go first, and the least important are thrown out', () => {
  const { told } = run({ order: 'priority', sequencesMax: 1 }, [
    { priority: 5 },
    { priority: 1 },
    { priority: 5 },
    { priority: 1 },
  ])
  expect(told.filter((line) => line.startsWith('admitted')).map((line) => line.at(-1))).toEqual([
    '1',
    '3',
    '0',
    '2',
  ])
})

test('with all drafts accepted a sequence gets all of them and one more in a step', () => {
  const speculation = { draftTokens: 3, acceptance: 1 }
  const { steps, table } = run({ speculation }, [{ answerTokens: 10 }])
  expect(steps).toEqual(['0:10+', '0:4+', '0:4+', '0:1+'])
  expect(table.produced[0]).toBe(10)
})

test('the share of drafts that are accepted is as likely as was said', () => {
  const speculation = { draftTokens: 2, acceptance: 0.5 }
  const { steps } = run({ speculation, contextMax: 1e6, kvBlocks: 1e5 }, [{ answerTokens: 700 }])
  // 1 + 0.5 + 0.25 tokens a step
  expect(700 / steps.length).toBeCloseTo(1.75, 0.3)
})

test('what can never fit is refused, and so is what finds the queue full', () => {
  const { refusals } = run({ contextMax: 20, queueMax: 2, kvBlocks: 1, blockTokens: 16 }, [
    { promptTokens: 18, answerTokens: 3 },
    { promptTokens: 14, answerTokens: 3 },
    { promptTokens: 10, answerTokens: 3 },
    { promptTokens: 10, answerTokens: 3 },
    { promptTokens: 10, answerTokens: 3 },
  ])
  expect(refusals).toEqual(['too-long', 'too-long', null, null, 'queue-full'])
})

test.each([1, 4, 16, 64])(
  'hashes of other lengths than blocks of %i tokens mean the same',
  (blockTokens) => {
    const table = new RequestTable(16)
    const parameters = { ...defaultParameters, blockTokens, kvBlocks: 4096 }
    const ignore = () => {}
    const listener = { admitted: ignore, preempted: ignore, firstToken: ignore, finished: ignore }
    const scheduler = new Scheduler(parameters, table, listener, createRandom(1))
    for (const blockHashes of [
      [1, 2, 3, 4, 5, 6, 7, 8],
      [1, 2, 3, 4, 5, 6, 70, 80],
      [10, 20],
    ]) {
      const id = table.add({ atMs: 0, promptTokens: 129, answerTokens: 1, blockHashes })
      table.goalTokens[id] = 1
      scheduler.enqueue(id)
    }
    scheduler.plan(createBatch(256))
    expect(table.cachedTokens[1]).toBe(Math.floor(96 / blockTokens) * blockTokens)
    expect(table.cachedTokens[2]).toBe(0)
  },
)
