import { describe, expect, test } from 'vitest'
import { resolveAccelerator } from '../accelerators/resolve-accelerator.ts'
import { precisionOf } from '../kernel-precision.ts'
import { sequenceKvBytes } from '../memory/kv-cache.ts'
import { countParameters, halves, type ModelFacts } from '../model-facts.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { type Layout, stepParts } from './step-time.ts'

const layoutOf = (model: ModelFacts): Layout => ({
  model,
  device: resolveAccelerator('a100')!,
  precision: precisionOf(model, 'bf16', 2),
  tp: 1,
  pp: 1,
  dp: 1,
  ep: 1,
})
const prompt = { tokens: 4096, past: 0, count: 1 }

describe('an encoder', () => {
  const model = resolveModel('bge-m3')!
  const layout = layoutOf(model)

  test('keeps nothing, chooses no words and never decodes', () => {
    expect(sequenceKvBytes(layout, 512)).toBe(0)
    const parts = stepParts(layout, { decodes: 0, context: 0, chunks: [prompt] })
    expect(parts.head).toBe(0)
    expect(stepParts(layout, { decodes: 64, context: 500, chunks: [prompt] })).toEqual(parts)
  })

  test('looks both ways: twice the pairs of a decoder of its shape', () => {
    const attention = (kind: ModelFacts['kind']) =>
      stepParts(layoutOf({ ...model, kind }), { decodes: 0, context: 0, chunks: [prompt] })
        .prefillAttention
    const floor = stepParts(layout, {
      decodes: 0,
      context: 0,
      chunks: [{ tokens: 1e-9, past: 0, count: 1 }],
    }).prefillAttention
    expect(attention('encoder') - floor).toBeCloseTo(2 * (attention('decoder') - floor), 3)
  })
})

describe('an encoder-decoder', () => {
  const model = resolveModel('flan-t5-xl')!
  const { encoder, decoder } = halves(model)

  test('is two stacks: one reads prompts, the other writes', () => {
    const load = { decodes: 8, context: 300, chunks: [prompt] }
    const read = stepParts(layoutOf(encoder), { ...load, decodes: 0 })
    const written = stepParts(layoutOf(decoder), { ...load, chunks: [] })
    const both = stepParts(layoutOf(model), load)
    for (const part of Object.keys(both) as (keyof typeof both)[])
      expect(both[part]).toBeCloseTo(read[part] + written[part], 6)
  })

  test('keeps what its decoder attends to: prompt and answer, in half of the layers', () => {
    const { heads, headDim } = model
    expect(sequenceKvBytes(layoutOf(model), 100)).toBe(100 * 24 * 2 * heads * headDim * 2)
  })

  test('counts its parameters as published', () =>
    expect(countParameters(model).total / 2.85e9).toBeCloseTo(1, 1))
})

test('block-sparse attention reads the chosen tokens and an index entry a block', () => {
  const dense = resolveModel('llama-3.1-8b')!
  const sparse = { topK: 6144, indexHeads: 8, indexDim: 2048, blockTokens: 16 }
  const read = (model: ModelFacts, context: number) =>
    stepParts(layoutOf(model), { decodes: 16, context, chunks: [] }).decodeAttention
  const model = { ...dense, sparse }
  expect(read(model, 128_000)).toBeLessThan(0.15 * read(dense, 128_000))
  // Up to what is chosen it reads as much as any, and its index.
  expect(read(model, 2000)).toBeGreaterThan(read(dense, 2000))
})
