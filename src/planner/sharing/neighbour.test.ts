import { describe, expect, test } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { migSlice } from '../accelerators/mig.ts'
import { resolveAccelerator } from '../accelerators/resolve-accelerator.ts'
import { precisionOf } from '../kernel-precision.ts'
import { weightBytesPerDevice } from '../memory/weights.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { parseWorkload } from '../workload/parse-workload.ts'
import { neighbourBurden } from './neighbour.ts'

const h100 = resolveAccelerator('h100')!
const model = resolveModel('llama-3.1-8b')!
const layout = {
  model,
  device: h100,
  precision: precisionOf(model, 'bf16', 2),
  tp: 1,
  pp: 1,
  dp: 1,
  ep: 1,
}
const beside = (rateRps: number) =>
  neighbourBurden(
    { model: resolveModel('qwen3-8b')!, rateRps, workload: parseWorkload('chat') },
    engineModels[0]!,
  )

describe('a neighbour', () => {
  test('that is idle slows nobody down, one that is never idle halves the speed', () => {
    expect(beside(1e-6).slowdown(layout)).toBeCloseTo(1, 3)
    expect(beside(1000).slowdown(layout)).toBeCloseTo(2, 6)
    expect(beside(0.2).slowdown(layout)).toBeGreaterThan(1.2)
    expect(beside(0.2).slowdown(layout)).toBeLessThan(beside(0.5).slowdown(layout))
  })

  test('keeps its weights and a cache that grows with its load', () => {
    const own = resolveModel('qwen3-8b')!
    const weights = weightBytesPerDevice({ ...layout, model: own })
    expect(beside(0.1).bytes(layout)).toBeGreaterThan(weights)
    expect(beside(4).bytes(layout)).toBeGreaterThan(beside(0.1).bytes(layout))
    expect(beside(0.1).foreignBytes!(layout)).toBe(beside(0.1).bytes(layout))
    expect(beside(0.1).noteOn!(layout)).toMatch(
      /keeps \d+\.\d GB of each device.* works \d+ % of the time, at \d+/,
    )
    // Many at once are still carried, a thousand a second are not.
    expect(beside(4).noteOn!(layout)).toMatch(/works 100 % of the time/)
    expect(beside(1000).noteOn!(layout)).toMatch(/can’t carry its load/)
  })
})

describe('a slice of a device', () => {
  test('has its share of compute and memory, and no link', () => {
    const slice = migSlice(h100, '3g.40gb')!
    expect(slice.memoryBytes).toBeCloseTo(h100.memoryBytes / 2)
    expect(slice.bandwidthGBs).toBeCloseTo(h100.bandwidthGBs / 2)
    expect(slice.tflops.bf16).toBeCloseTo((h100.tflops.bf16 * 3) / 7)
    expect(slice.link).toEqual({ kind: 'none', GBs: 0 })
    expect(migSlice(h100, '1g.10gb')!.memoryBytes).toBeCloseTo(h100.memoryBytes / 8)
    expect(migSlice(h100, '7g.80gb')!.tflops.bf16).toBeCloseTo(h100.tflops.bf16)
  })

  test.each(['9g.80gb', '3g', '1g.160gb', 'x'])('%s is none of a device with 80 GB', (profile) =>
    expect(migSlice(h100, profile)).toBeNull(),
  )

  test('is cut from data-centre devices only', () =>
    expect(migSlice(resolveAccelerator('l40s')!, '1g.6gb')).toBeNull())
})
