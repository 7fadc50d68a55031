import { expect, test } from 'vitest'
import { createRandom } from '../../core/random.ts'
import { RequestTable } from '../request-table.ts'
import { createBatch } from './batch.ts'
import { defaultParameters } from './parameters.ts'
import { Scheduler } from './scheduler.ts'

test.each(['fcfs', 'priority'] as const)(
  'who gives up leaves nothing behind, running or waiting (%s)',
  (order) => {
    const engine = { ...defaultParameters, order, stepsAhead: 0 as const, sequencesMax: 2 }
    const table = new RequestTable(engine.blockTokens)
    const finished: number[] = []
    const listener = {
      admitted: () => {},
      preempted: () => {},
      firstToken: () => {},
      finished: (id: number) => void finished.push(id),
    }
    const scheduler = new Scheduler(engine, table, listener, createRandom(1))
    for (let at = 0; at < 4; at++) {
      const id = table.add({ atMs: 0, promptTokens: 20, answerTokens: 5 })
      table.goalTokens[id] = 5
      scheduler.enqueue(id)
    }
    const batch = createBatch(engine.sequencesMax)
    scheduler.plan(batch)
    scheduler.complete(batch)
    // In the middle of a step: what it brings for the one that goes is void.
    scheduler.plan(batch)
    scheduler.abort(0)
    scheduler.abort(2)
    expect([scheduler.running, scheduler.waiting.size]).toEqual([1, 1])
    scheduler.complete(batch)
    expect(scheduler.producedOf(0)).toBe(1)
    expect(scheduler.producedOf(1)).toBe(2)
    while (scheduler.plan(batch)) scheduler.complete(batch)
    expect(finished.toSorted((a, b) => a - b)).toEqual([1, 3])
    expect(scheduler.kv.usage).toBe(0)
  },
)
