import { describe, expect, it } from 'vitest'
import { createStepTuner, threadCounts, type StepTuner } from './step-tuner.ts'

/** Runs steps on a machine where a step costs what `costMs` says; returns the threads of each. */
function run(
  tuner: StepTuner,
  steps: number,
  costMs: (threads: number) => number,
  tokens = 1,
): number[] {
  return Array.from({ length: steps }, () => {
    const mode = tuner.choose(tokens)
    tuner.observe(tokens, mode, costMs(mode.threads))
    return mode.threads
  })
}
const share = (used: readonly number[], threads: number): number =>
  used.filter((one) => one === threads).length / used.length

describe('step tuner', () => {
  it('offers powers of two and all cores', () => {
    expect(threadCounts(1)).toEqual([1])
    expect(threadCounts(2)).toEqual([1, 2])
    expect(threadCounts(12)).toEqual([1, 2, 4, 8, 12])
  })

  it('finds the count that is fastest', () => {
    const tuner = createStepTuner(threadCounts(8))
    run(tuner, 30, (threads) => 400 / Math.min(threads, 4) + threads)
    expect(
      share(
        run(tuner, 200, (threads) => 400 / Math.min(threads, 4) + threads),
        4,
      ),
    ).toBeGreaterThan(0.9)
  })

  it('spends next to nothing on a count that is a disaster', () => {
    const tuner = createStepTuner(threadCounts(2))
    const used = run(tuner, 5000, (threads) => (threads === 1 ? 10 : 2000))
    const lostMs = used.filter((threads) => threads === 2).length * 2000
    expect(lostMs).toBeLessThan(0.05 * 5000 * 10)
  })

  it('does not start threads for steps of a millisecond', () => {
    const tuner = createStepTuner(threadCounts(4))
    expect(new Set(run(tuner, 500, () => 1))).toEqual(new Set([1]))
  })

  it('retreats when the other cores are taken, and comes back when they are free', () => {
    const tuner = createStepTuner(threadCounts(2))
    const idle = (threads: number): number => 100 / threads
    const contended = (threads: number): number => (threads === 1 ? 110 : 1000)
    expect(share(run(tuner, 100, idle), 2)).toBeGreaterThan(0.8)
    run(tuner, 5, contended)
    expect(share(run(tuner, 100, contended), 1)).toBeGreaterThan(0.9)
    run(tuner, 1000, idle)
    expect(share(run(tuner, 100, idle), 2)).toBeGreaterThan(0.9)
  })

  it('judges long and short steps apart', () => {
    const tuner = createStepTuner(threadCounts(2))
    const prompt = (threads: number): number => 1000 / threads
    const token = (threads: number): number => (threads === 1 ? 10 : 50)
    for (let round = 0; round < 50; round++) {
      run(tuner, 1, prompt, 256)
      run(tuner, 3, token, 1)
    }
    expect(share(run(tuner, 50, prompt, 256), 2)).toBeGreaterThan(0.9)
    expect(share(run(tuner, 50, token, 1), 1)).toBeGreaterThan(0.9)
  })

  it('splits a step where a few rows cost more than as many times one', () => {
    const tuner = createStepTuner([1])
    const modes = Array.from({ length: 100 }, () => {
      const mode = tuner.choose(3)
      tuner.observe(3, mode, mode.isSplit ? 4 : 9)
      return mode.isSplit
    })
    expect(modes.slice(20).filter(Boolean).length).toBeGreaterThan(70)
    expect(tuner.choose(1).isSplit).toBe(false)
    expect(tuner.choose(64).isSplit).toBe(false)
  })
})
