import { describe, expect, test } from 'vitest'
import { resolveModel } from '../models/resolve-model.ts'
import { layoutOf } from '../step/layout.fixture.ts'
import { parseWorkload } from '../workload/parse-workload.ts'
import { compress } from './compression.ts'
import { withImages } from './images.ts'

describe('compression', () => {
  test('keeps a share of the prompt but for what is shared', () => {
    const plain = compress(parseWorkload('4000,100'), 0.25)
    expect(plain.workload.inputTokens.mean).toBe(1000)
    // 15,325 tokens, 64 % of them shared.
    const { workload } = compress(parseWorkload('rag'), 0.5)
    expect(workload.inputTokens.mean).toBe(Math.round(15_325 * (0.64 + 0.18)))
    expect(workload.prefixShare * workload.inputTokens.mean).toBeCloseTo(15_325 * 0.64, -1)
  })

  test('costs a pass of a small model, and loses what was measured or nobody knows', () => {
    const { burden, quality } = compress(parseWorkload('4000,100'), 0.5)
    // 2 · 0.56e9 · 4000 operations at four tenths of 989.5 TFLOP/s.
    expect(burden.promptMs!(layoutOf('llama-3.1-8b'))).toBeCloseTo(
      ((2 * 0.56e9 * 4000) / (989.5e12 * 0.4)) * 1e3,
      6,
    )
    expect(quality.loss).toBe(0.038)
    expect(compress(parseWorkload('chat'), 0.1).quality.loss).toBeNull()
    expect(compress(parseWorkload('chat'), 1).quality.loss).toBe(0)
  })
})

describe('images', () => {
  test('make prompts longer and run through the tower', () => {
    const model = resolveModel('gemma-3-27b')!
    const { workload, burden } = withImages(parseWorkload('1000,100'), model, {
      count: 2,
      tokens: 256,
    })!
    expect(workload.inputTokens.mean).toBe(1512)
    expect(burden.promptMs!(layoutOf('gemma-3-27b'))).toBeCloseTo(
      ((2 * model.extraParameters * 2048) / (989.5e12 * 0.5)) * 1e3,
      6,
    )
  })

  test('are nothing for a model without a tower', () =>
    expect(
      withImages(parseWorkload('chat'), resolveModel('llama-3.1-8b')!, { count: 1, tokens: 1 }),
    ).toBeNull())
})
