import { describe, expect, it } from 'vitest'
import { sharedInBlocks, workloadOfTraffic } from './traffic.ts'

const traffic = (count: number) => ({
  name: 'mine.csv',
  source: 'mine.csv',
  timesMs: Array.from({ length: count }, (_, at) => at * 1000),
  inputTokens: Array.from({ length: count }, (_, at) => (at % 2 ? 100 : 300)),
  outputTokens: Array.from({ length: count }, () => 50),
  sharedTokens: null,
})

describe('workloadOfTraffic', () => {
  it('takes means, spreads and rates from what was recorded', () => {
    const { workload, meanRps, peakRps } = workloadOfTraffic(traffic(120), [])
    expect(workload).toMatchObject({
      inputTokens: { mean: 200, spread: 0.5 },
      outputTokens: { mean: 50, spread: 0 },
      prefixShare: 0,
    })
    expect(meanRps).toBeCloseTo(1, 1)
    expect(peakRps).toBeGreaterThanOrEqual(meanRps)
  })

  it('refuses what says nothing', () => {
    expect(() => workloadOfTraffic(traffic(3), [])).toThrow(
      expect.objectContaining({ code: 'planner/bad-request' }),
    )
  })

  it('shares what earlier prompts began with, and no more than they have', () => {
    const blocks = [[1, 2, 3], [1, 2, 4], [9, 1], [1]]
    expect([...sharedInBlocks(blocks, 512, [1500, 1500, 900, 100])]).toEqual([0, 1024, 0, 99])
  })
})
