import { describe, expect, it } from 'vitest'
import { liftInputs } from './lift.ts'
import { engineModels } from '../../src/engines/models.ts'
import { predictRow } from '../../src/planner/predict/predict-row.ts'
import { readRow } from '../../src/planner/predict/row.ts'
import { readCsv } from './csv.ts'
import { dataFile, hasData } from './data.ts'
import { farTrust } from './eras.ts'
import { fitHierarchy } from './hierarchy.ts'
import { fitEffects, solve } from './regression.ts'

describe('fitHierarchy', () => {
  const belief = { value: [1, 1, 1], pull: [0.001, 0.001, 0.001], groupPull: [1, 1, 1] }
  const runs = (group: string, count: number, factor: number) =>
    Array.from({ length: count }, (_, at) => {
      const features = [1 + (at % 7), (at * at) % 11, 1]
      const sum = factor * (2 * (features[0] ?? 0) + 0.5 * (features[1] ?? 0) + 3)
      return { group, features, measured: at % 15 === 7 ? sum * 4 : sum, weight: 1 }
    })

  it('finds the coefficients behind the sums, whatever a few wrong rows say', () => {
    const found = fitHierarchy(runs('a', 60, 1), ['a'], belief, 0.02).get('a') ?? []
    expect(found[0]).toBeCloseTo(2, 0)
    expect(found[1]).toBeCloseTo(0.5, 0)
    expect(found[2]).toBeCloseTo(3, 0)
  })

  it('lends a group that was hardly measured what the others share', () => {
    const seen = [...runs('a', 60, 1), ...runs('b', 60, 1)]
    const found = fitHierarchy(seen, ['a', 'b', 'new'], belief, 0.02).get('new') ?? []
    expect(found[0]).toBeCloseTo(2, 0)
  })

  it('learns what is shared from groups that are near, and leaves those that are far to themselves', () => {
    const seen = [...runs('a', 60, 1), ...runs('b', 60, 1), ...runs('old', 60, 3)]
    const trusted = seen.map((one) => ({ ...one, weight: one.group === 'old' ? farTrust : 1 }))
    const found = fitHierarchy(
      trusted,
      ['a', 'b', 'old', 'new'],
      { ...belief, far: new Set(['old']) },
      0.02,
    )
    expect(found.get('new')?.[0]).toBeLessThan(2.4)
    expect(found.get('old')?.[0]).toBeGreaterThan(5)
    const alike = fitHierarchy(seen, ['a', 'b', 'old', 'new'], belief, 0.02)
    expect(alike.get('new')?.[0]).toBeGreaterThan(2.6)
  })

  it('stays at what is believed where nothing was measured', () => {
    const found = fitHierarchy([], ['a'], { value: [1.5], pull: [1], groupPull: [1] }, 0.1)
    expect(found.get('a')?.[0]).toBeCloseTo(1.5, 6)
  })
})

describe('fitEffects', () => {
  it('believes an effect the more cells show it', () => {
    const cell = (...keys: string[]) => ({ residual: 0.2, weight: 1, keys })
    const seldom = fitEffects([cell('a')], () => 1).get('a') ?? 0
    const often = fitEffects([cell('a'), cell('a'), cell('a'), cell('a')], () => 1).get('a') ?? 0
    expect(seldom).toBeCloseTo(0.1, 5)
    expect(often).toBeCloseTo(0.16, 5)
  })
})

describe('solve', () => {
  it('solves a symmetric system and leaves it as it was', () => {
    const matrix = [Float64Array.of(4, 2), Float64Array.of(2, 3)]
    const found = solve(matrix, Float64Array.of(10, 9))
    expect(found[0]).toBeCloseTo(1.5, 9)
    expect(found[1]).toBeCloseTo(2, 9)
    expect(matrix[1]?.[1]).toBe(3)
  })
})

describe('liftInputs', () => {
  it('moves inputs out of the remarks and leaves results there', () => {
    const lifted = liftInputs({
      isl: '547',
      tp: '2',
      notes:
        'workload=general-lite (lite rate) shared-prefix multi-turn (sys100+q447); stage=1; max_num_batched_tokens=2048; gpu_mem_util=0.9; e2e_mean=4616.6',
    })
    expect(lifted).toMatchObject({
      rate_rps: '6',
      max_num_batched_tokens: '2048',
      gpu_memory_utilization: '0.9',
      max_num_seqs: '128',
    })
    expect(Object.values(lifted).filter((value) => value === '4616.6')).toEqual([])
  })

  it('never overrides a column that is filled', () => {
    expect(
      liftInputs({
        rate_rps: '3',
        isl: '5',
        notes: 'workload=codegen shared-prefix multi-turn (sys100+q466); stage=0',
      }).rate_rps,
    ).toBe('3')
  })

  it('calls builds by the release they came from', () => {
    const build = { engine: 'trtllm', version: 'gpt-oss-dev' }
    expect(liftInputs(build).version).toBe('1.1.0')
    const unnamed = { engine: 'trtllm', version: '', notes: 'agg; measured 2025-11-02' }
    expect(liftInputs(unnamed).version).toBe('1.1.0')
    expect(liftInputs({ ...unnamed, notes: 'agg; measured 2026-01-02' }).version).toBe('')
  })

  it('names the releases that InferenceX ran in November 2025, and spreads the experts that it spread', () => {
    const row = { engine: 'sglang', version: '', gpu: 'b200_sxm', precision: 'fp4', tp: '8' }
    const measured = (notes: string) => liftInputs({ ...row, notes: `agg moe_ep1; ${notes}` })
    expect(measured('measured 2025-11-10')).toMatchObject({ version: '0.5.3rc1', ep: '8' })
    expect(measured('measured 2025-11-18')).toMatchObject({ version: '0.5.5', ep: '8' })
    const later = measured('measured 2026-03-25')
    expect(later).toMatchObject({ version: '', ep: '1' })
  })

  it('takes the ranks from the run id where the sample multiplied them', () => {
    const lifted = liftInputs({
      num_gpus: '64',
      tp: '64',
      notes: 'agg tp64 pp1 attn_dp1 moe_tp8 moe_ep8 bs/rank=32; id=2026_04_06_x_c32_tp8_ep8_1898',
    })
    expect(lifted).toMatchObject({ num_gpus: '8', tp: '8', dp: '1', ep: '8' })
    const plain = liftInputs({
      num_gpus: '4',
      tp: '4',
      notes: 'agg tp4 pp1 attn_dp1 moe_tp2 moe_ep2 bs/rank=40; id=x_c160_tp4_epnone_5',
    })
    expect(plain).toMatchObject({ num_gpus: '4', tp: '4', ep: '2' })
  })
})

describe.skipIf(!hasData())('published rows (skipped without the data beside the project)', () => {
  it.each([
    'aic_silicon_inferencex.csv',
    'gpustack_performance_lab.csv',
    'mlperf_v4.1_v5.1_llm.csv',
    'vllm_h100_a100_l40s_openloop.csv',
  ])('says the same of %s with results and remarks blank', (file) => {
    for (const [index, cells] of readCsv(dataFile('perf', file)).entries()) {
      if (index % 29 !== 0) continue
      const lifted = liftInputs(cells)
      const blank = {
        ...lifted,
        throughput_tok_s: '',
        ttft_ms: '',
        tpot_ms: '',
        notes: '',
        source: '',
      }
      const say = (row: Readonly<Record<string, string>>) =>
        predictRow(index, readRow(row), engineModels)
      expect(say(blank)).toEqual(say(lifted))
    }
  })
})
