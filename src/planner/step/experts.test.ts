import { describe, expect, test } from 'vitest'
import { resolveAccelerator } from '../accelerators/resolve-accelerator.ts'
import { precisionOf } from '../kernel-precision.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { layoutOf } from './layout.fixture.ts'
import { distinctExperts } from './routing.ts'
import { type Layout, stepParts } from './step-time.ts'
import type { ExpertKernels } from './utilisation.ts'

describe('which experts are touched', () => {
  test('by 256 tokens of gpt-oss about as many as were counted: 77 to 116 of 128, 105 in the median', () => {
    const { experts, topK, spread } = resolveModel('gpt-oss-120b')!.moe!
    expect(distinctExperts(experts, topK, 256, spread)).toBeGreaterThan(100)
    expect(distinctExperts(experts, topK, 256, spread)).toBeLessThan(112)
    // Nobody counted others: nearly all.
    expect(distinctExperts(experts, topK, 256)).toBeGreaterThan(124)
  })

  test.each([undefined, 0.6, 1.3])(
    'more tokens touch more, and never more than there are (%s)',
    (spread) => {
      let before = 0
      for (let tokens = 1; tokens < 1e5; tokens *= 1.7) {
        const now = distinctExperts(128, 4, tokens, spread)
        expect(now).toBeGreaterThanOrEqual(before)
        expect(now).toBeLessThanOrEqual(128)
        before = now
      }
      expect(distinctExperts(128, 4, 1, spread)).toBeCloseTo(4, 1)
    },
  )
})

describe('whose kernels the experts have', () => {
  const expertsMs = (
    name: string,
    gpu: string,
    kernel: 'fp8' | 'mxfp4',
    expertKernels?: ExpertKernels,
  ) => {
    const device = resolveAccelerator(gpu)!
    const precision = precisionOf(resolveModel(name)!, kernel, 2)
    const change: Partial<Layout> = {
      device,
      precision,
      tp: 2,
      ...(expertKernels ? { expertKernels } : {}),
    }
    return stepParts(layoutOf(name, change), { decodes: 64, context: 1024, chunks: [] }).experts
  }

  test('ported ones are slower on Blackwell, and are the own ones of Hopper', () => {
    const ratio = (gpu: string) =>
      expertsMs('minimax-m2.5', gpu, 'fp8', 'ported') / expertsMs('minimax-m2.5', gpu, 'fp8')
    expect(ratio('b200')).toBeGreaterThan(1.05)
    expect(ratio('h200')).toBe(1)
  })

  test('Marlin unpacks no faster where memory is faster', () => {
    const marlin = (gpu: string) => expertsMs('gpt-oss-120b', gpu, 'mxfp4', 'marlin')
    expect(marlin('h200')).toBeCloseTo(marlin('h100'), 3)
    expect(expertsMs('gpt-oss-120b', 'h200', 'mxfp4')).toBeLessThan(marlin('h200'))
  })
})
