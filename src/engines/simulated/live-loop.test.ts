import { describe, expect, it } from 'vitest'
import type { Generation, GenerationEnd } from '../embedded/batch/generation.ts'
import { createLiveLoop } from './live-loop.ts'
import type { StepModel, StepRequest } from './step-model.ts'

/** Time turned by hand, and steps of 10 ms that give each request a token. */
function world(changes: Partial<StepModel> = {}) {
  let nowMs = 0
  const timers: { atMs: number; work: () => void }[] = []
  const requests: (StepRequest & { produced: number; isOpen: boolean })[] = []
  const steps: number[] = []
  let isUnderWay = false
  const open = () => requests.filter(({ isOpen }) => isOpen)
  const model: StepModel = {
    contextTokens: 1000,
    kvTokens: 1000,
    queueMax: 2,
    overheadMs: 5,
    transferMs: () => 0,
    add: (request) => requests.push({ ...request, produced: 0, isOpen: false }) - 1,
    enqueue(id) {
      requests[id]!.isOpen = true
      return null
    },
    abort: (id) => void (requests[id]!.isOpen = false),
    startStep(at) {
      if (open().length === 0) return null
      isUnderWay = true
      steps.push(at)
      return at + 10
    },
    endStep() {
      isUnderWay = false
      for (const one of open()) if (++one.produced >= one.answerTokens) one.isOpen = false
    },
    produced: (id) => requests[id]!.produced,
    cached: () => 0,
    forget: () => {},
    load: () => ({ running: open().length, waiting: 0, kvUsage: 0 }),
    ...changes,
  }
  const ends: GenerationEnd[] = []
  const loop = createLiveLoop(model, {
    clock: { monotonicMs: () => nowMs },
    later: (afterMs, work) => void timers.push({ atMs: nowMs + afterMs, work }),
    onEnd: (end) => void ends.push(end),
  })
  /** Timers come `lateMs` too late. */
  const run = (lateMs = 0, untilMs = Infinity): void => {
    for (;;) {
      timers.sort((a, b) => a.atMs - b.atMs)
      if (timers.length === 0 || timers[0]!.atMs > untilMs) return
      const { atMs, work } = timers.shift()!
      nowMs = Math.max(nowMs, atMs + lateMs)
      work()
    }
  }
  const generation = (maxTokens: number): Generation & { tokens: number } => ({
    prompt: Uint32Array.of(1, 2, 3),
    maxTokens,
    sampling: { ignoreEnd: true } as Generation['sampling'],
    wantsDistributions: false,
    wantsPromptDistributions: false,
    isCancelled: false,
    tokens: 0,
    onToken() {
      this.tokens++
      return true
    },
    onEnd: () => {},
  })
  return { loop, run, steps, ends, requests, generation, isUnderWay: () => isUnderWay }
}

describe('live loop', () => {
  it('keeps the time of the steps however late its timers are', () => {
    const { loop, run, steps, ends, generation } = world()
    loop.submit([generation(5)])
    run(3)
    // The request itself came late; the steps then follow each other without a gap.
    expect(steps.map((at) => at - steps[0]!)).toEqual([0, 10, 20, 30, 40])
    expect(ends).toMatchObject([{ reason: 'length', generatedTokens: 5 }])
  })

  it('gives up time that it can not catch up with', () => {
    const { loop, run, steps, generation } = world()
    loop.submit([generation(3)])
    run(1000)
    expect(steps[1]! - steps[0]!).toBeGreaterThan(700)
  })

  it('lets go of what is cancelled, at the next step', () => {
    const { loop, run, ends, requests, generation } = world()
    const one = generation(100)
    loop.submit([one])
    run(0, 40)
    one.isCancelled = true
    run()
    expect(ends).toMatchObject([{ reason: 'cancelled' }])
    expect(requests[0]!.isOpen).toBe(false)
    expect(loop.state()).toMatchObject({ running: 0, waiting: 0 })
  })

  it('says when too many wait, before anything is done', () => {
    const { loop, generation } = world()
    loop.submit([generation(1), generation(1)])
    expect(() => loop.submit([generation(1)])).toThrow(/too many/)
  })

  it('fails what can never be taken', () => {
    const { loop, run, ends, generation } = world({ enqueue: () => 'too-long' })
    loop.submit([generation(1)])
    run()
    expect(ends[0]).toMatchObject({ reason: 'failed', error: { code: 'request/context-exceeded' } })
  })
})
