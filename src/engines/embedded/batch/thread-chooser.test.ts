import { describe, expect, it } from 'vitest'
import { createThreadChooser, threadCounts, type ThreadChooser } from './thread-chooser.ts'

/** Runs steps on a machine where a step costs what `costMs` says; returns the threads of each. */
function run(
  chooser: ThreadChooser,
  steps: number,
  costMs: (threads: number) => number,
  tokens = 1,
): number[] {
  return Array.from({ length: steps }, () => {
    const threads = chooser.choose(tokens)
    chooser.observe(tokens, threads, costMs(threads))
    return threads
  })
}
const share = (used: readonly number[], threads: number): number =>
  used.filter((one) => one === threads).length / used.length

describe('thread chooser', () => {
  it('offers powers of two and all cores', () => {
    expect(threadCounts(1)).toEqual([1])
    expect(threadCounts(2)).toEqual([1, 2])
    expect(threadCounts(12)).toEqual([1, 2, 4, 8, 12])
  })

  it('finds the count that is fastest', () => {
    const chooser = createThreadChooser(8)
    run(chooser, 30, (threads) => 400 / Math.min(threads, 4) + threads)
    expect(
      share(
        run(chooser, 200, (threads) => 400 / Math.min(threads, 4) + threads),
        4,
      ),
    ).toBeGreaterThan(0.9)
  })

  it('spends next to nothing on a count that is a disaster', () => {
    const chooser = createThreadChooser(2)
    const used = run(chooser, 5000, (threads) => (threads === 1 ? 10 : 2000))
    const lostMs = used.filter((threads) => threads === 2).length * 2000
    expect(lostMs).toBeLessThan(0.05 * 5000 * 10)
  })

  it('does not start threads for steps of a millisecond', () => {
    const chooser = createThreadChooser(4)
    expect(new Set(run(chooser, 500, () => 1))).toEqual(new Set([1]))
  })

  it('retreats when the other cores are taken, and comes back when they are free', () => {
    const chooser = createThreadChooser(2)
    const idle = (threads: number): number => 100 / threads
    const contended = (threads: number): number => (threads === 1 ? 110 : 1000)
    expect(share(run(chooser, 100, idle), 2)).toBeGreaterThan(0.8)
    run(chooser, 5, contended)
    expect(share(run(chooser, 100, contended), 1)).toBeGreaterThan(0.9)
    run(chooser, 1000, idle)
    expect(share(run(chooser, 100, idle), 2)).toBeGreaterThan(0.9)
  })

  it('judges long and short steps apart', () => {
    const chooser = createThreadChooser(2)
    const prompt = (threads: number): number => 1000 / threads
    const token = (threads: number): number => (threads === 1 ? 10 : 50)
    for (let round = 0; round < 50; round++) {
      run(chooser, 1, prompt, 256)
      run(chooser, 3, token, 1)
    }
    expect(share(run(chooser, 50, prompt, 256), 2)).toBeGreaterThan(0.9)
    expect(share(run(chooser, 50, token, 1), 1)).toBeGreaterThan(0.9)
  })
})
