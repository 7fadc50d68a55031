import { describe, expect, test } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { memoryBudget, sequenceCapacity } from '../memory/budget.ts'
import { weightBytesPerDevice } from '../memory/weights.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { layoutOf } from '../step/layout.fixture.ts'
import { adapterBurden, adapterBytes } from './adapters.ts'
import { burdenBytes, burdenedMs, type StepShape } from './burden.ts'
import { compileBurden } from './compile-level.ts'
import { offloadBurden } from './offload.ts'

const step: StepShape = { tokens: 8, sequences: 8, context: 1000 }

describe('adapters', () => {
  test('take rank · Σ (in + out) numbers of two bytes', () => {
    // Llama 3.1 8B: q, k, v, o and three matrices of the feed-forward in 32 layers.
    const sums = 2 * 4096 + 2 * (4096 + 1024) + 2 * 4096 + 3 * (4096 + 14_336)
    expect(adapterBytes(resolveModel('llama-3.1-8b')!, 16, 1)).toBe(16 * 2 * 32 * sums)
  })

  test('cost a step what Punica measured, and what is read of them', () => {
    const layout = layoutOf('llama-2-7b')
    const one = adapterBurden({ count: 1, rank: 1 }).stepMs(layout, step)
    expect(one).toBeGreaterThan(2)
    expect(one).toBeLessThan(2.01)
    const many = adapterBurden({ count: 64, rank: 64 })
    expect(many.stepMs(layout, { ...step, sequences: 64 })).toBeGreaterThan(
      many.stepMs(layout, { ...step, sequences: 1 }),
    )
    expect(burdenBytes([many], layout)).toBe(64 * adapterBytes(layout.model, 64, 1))
  })
})

describe('what is kept elsewhere', () => {
  test('gives its memory back and crosses the link at every step', () => {
    const layout = layoutOf('llama-3.1-8b')
    const half = offloadBurden({ what: 'weights', where: 'host', share: 0.5 })
    const freed = -half.bytes(layout)
    expect(freed).toBeGreaterThan(0.4 * weightBytesPerDevice(layout))
    expect(freed).toBeLessThan(0.5 * weightBytesPerDevice(layout))
    // 64 GB/s, of which copies reach four fifths.
    // The device's own memory, 3350 GB/s, is spared them.
    const spared = freed / (3350e6 * 0.8)
    expect(half.stepMs(layout, step)).toBeCloseTo(freed / (64e6 * 0.8) - spared, 6)
  })

  test('waits for the drive where it is in files', () => {
    const layout = layoutOf('llama-3.1-8b')
    const of = (where: 'host' | 'nvme') =>
      offloadBurden({ what: 'weights', where, share: 0.5 }).stepMs(layout, step)
    const own = 1 / (3350 * 0.8)
    expect(of('nvme') / of('host')).toBeCloseTo((1 / 6 - own) / (1 / (64 * 0.8) - own), 6)
  })

  test('of experts only those that were chosen are read', () => {
    const layout = layoutOf('qwen3-30b-a3b')
    const experts = offloadBurden({ what: 'experts', where: 'cpu', share: 1 })
    const one = experts.stepMs(layout, { ...step, tokens: 1 })
    const many = experts.stepMs(layout, { ...step, tokens: 4096 })
    // 8 of 128 experts for one token, nearly all of them for thousands.
    expect(one / many).toBeLessThan(0.08)
    // A processor multiplies few tokens as fast as it reads; many are sent over the link instead.
    expect(one).toBeLessThan((-experts.bytes(layout) * 8) / 128 / 200e6)
    expect(many).toBeGreaterThan(-experts.bytes(layout) / 200e6)
    expect(many).toBeLessThanOrEqual(-experts.bytes(layout) / (64e6 * 0.8) + 1e-9)
  })

  test('devices of a replica share the sockets, stages wait for one another', () => {
    const layout = layoutOf('llama-3.1-8b')
    const half = offloadBurden({ what: 'weights', where: 'cpu', share: 0.5 })
    const alone = half.stepMs(layout, { ...step, tokens: 1 })
    // Half the bytes each, and half of the socket.
    const ranks = half.stepMs({ ...layout, tp: 2 }, { ...step, tokens: 1 })
    const stages = half.stepMs({ ...layout, pp: 2 }, { ...step, tokens: 1 })
    expect(ranks / alone).toBeCloseTo(1, 1)
    expect(stages / alone).toBeCloseTo(1, 1)
  })

  test('a cache elsewhere makes room for more sequences', () => {
    const layout = layoutOf('llama-3.1-8b')
    const rules = engineModels.find(({ name }) => name === 'vllm')!.memory
    const budget = (share: number) =>
      memoryBudget(layout, rules, {
        share: 0.9,
        batchedTokens: 2048,
        ...(share > 0 ? { cacheElsewhere: { share, bytes: 128e9 } } : {}),
      })
    expect(budget(0.5).kvBytes / budget(0).kvBytes).toBeCloseTo(2, 6)
    expect(budget(0.5).kvElsewhereBytes).toBeCloseTo(budget(0).kvBytes, -3)
    // Host memory has an end as well.
    expect(budget(1).kvBytes).toBe(128e9)
    expect(sequenceCapacity(layout, budget(0.5), 1000)).toBeCloseTo(
      2 * sequenceCapacity(layout, budget(0), 1000),
      3,
    )
  })

  test('a cache in host memory is read by those that decode', () => {
    const layout = layoutOf('llama-3.1-8b')
    const cache = offloadBurden({ what: 'cache', where: 'host', share: 1 })
    // 131,072 bytes a token.
    expect(cache.stepMs(layout, step)).toBeCloseTo((8 * 1000 * 131_072) / (64e6 * 0.8), 6)
    expect(cache.bytes(layout)).toBe(0)
  })
})

test('launching kernel by kernel costs 32 µs a layer, compiling saves a little in small steps', () => {
  const layout = layoutOf('llama-3.1-8b')
  const ms = (level: 'eager' | 'graphs' | 'full', sequences: number) =>
    burdenedMs(compileBurden(level), layout, 10, { ...step, sequences })
  expect(ms('eager', 8)).toBeCloseTo(10 + 32 * 0.032)
  expect(ms('graphs', 8)).toBe(10)
  expect(ms('full', 8)).toBeCloseTo(10 - 32 * 0.005)
  expect(ms('full', 64)).toBe(10)
})
