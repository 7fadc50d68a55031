import { describe, expect, it } from 'vitest'
import { resolveAccelerator } from '../accelerators/resolve-accelerator.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { readRanks } from './ranks.ts'
import { readRow } from './row.ts'

function ranks(model: string, gpu: string, cells: Record<string, string>, fits = true) {
  const facts = resolveModel(model)
  const device = resolveAccelerator(gpu)
  if (!facts || !device) throw new Error('unknown')
  return readRanks(readRow(cells), facts, device, () => fits)
}

describe('readRanks', () => {
  it('takes what is named', () => {
    expect(ranks('Llama-3.1-70B', 'h100', { num_gpus: '4', tp: '4', pp: '1' })).toEqual({
      tp: 4,
      pp: 1,
      dp: 1,
      ep: 1,
      replicas: 1,
    })
  })

  it('makes replicas of devices that are left over', () => {
    expect(ranks('Llama-3.1-8B', 'h100', { num_gpus: '8', tp: '2', pp: '1' }).replicas).toBe(4)
  })

  it('spreads the experts over spare devices when one rank is too small', () => {
    expect(ranks('Qwen3-235B-A22B', 'b200', { num_gpus: '4', tp: '1', pp: '1' }, false)).toEqual({
      tp: 1,
      pp: 1,
      dp: 4,
      ep: 4,
      replicas: 1,
    })
  })

  it('takes the root of devices that a table multiplied', () => {
    expect(
      ranks('DeepSeek-R1', 'b200_sxm', { num_gpus: '64', tp: '64', pp: '1', ep: '8' }),
    ).toEqual({ tp: 8, pp: 1, dp: 1, ep: 8, replicas: 1 })
    expect(
      ranks('DeepSeek-R1', 'b200_sxm', { num_gpus: '64', tp: '1', pp: '1', dp: '64', ep: '8' }),
    ).toEqual({ tp: 1, pp: 1, dp: 8, ep: 8, replicas: 1 })
  })

  it('gives each rank its own attention where heads cannot be divided', () => {
    expect(ranks('DeepSeek-R1', 'gb200', { num_gpus: '72', tp: '72', pp: '1' })).toEqual({
      tp: 1,
      pp: 1,
      dp: 72,
      ep: 72,
      replicas: 1,
    })
  })
})
