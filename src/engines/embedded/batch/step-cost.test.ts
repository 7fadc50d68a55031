import { describe, expect, it } from 'vitest'
import { createStepCostEstimate } from './step-cost.ts'

describe('what a step costs', () => {
  it('is unknown before the first', () => {
    expect(createStepCostEstimate().current()).toBeNull()
  })

  it('is the mean while all steps are alike', () => {
    const cost = createStepCostEstimate()
    for (let step = 0; step < 5; step++) cost.observe(32, 640)
    expect(cost.current()).toEqual({ fixedMs: 0, msPerToken: 20 })
  })

  it('finds what each costs and what a token adds', () => {
    const cost = createStepCostEstimate()
    for (const tokens of [16, 32, 64, 48, 17]) cost.observe(tokens, 700 + 20 * tokens)
    expect(cost.current()!.fixedMs).toBeCloseTo(700, 6)
    expect(cost.current()!.msPerToken).toBeCloseTo(20, 6)
  })

  it('follows a machine that becomes slower', () => {
    const cost = createStepCostEstimate()
    for (let step = 0; step < 200; step++) cost.observe(16 + (step % 3) * 16, 10 + (step % 3) * 10)
    for (let step = 0; step < 100; step++) cost.observe(16 + (step % 3) * 16, 40 + (step % 3) * 40)
    expect(cost.current()!.msPerToken).toBeCloseTo(2.5, 1)
  })

  it('takes neither a step nor a token for free, however odd the times are', () => {
    const cost = createStepCostEstimate()
    for (const [tokens, ms] of [
      [16, 900],
      [64, 100],
      [32, 500],
    ] as const)
      cost.observe(tokens, ms)
    const { fixedMs, msPerToken } = cost.current()!
    expect(fixedMs).toBeGreaterThanOrEqual(0)
    expect(msPerToken).toBeGreaterThan(0)
  })
})
