import { describe, expect, test } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { plan } from '../search/plan.ts'
import { layoutOf } from '../step/layout.fixture.ts'
import { parseFleet } from '../workload/fleet.ts'
import { parseWorkload } from '../workload/parse-workload.ts'
import { parseSlo } from '../workload/slo.ts'
import { disaggregate, gainOver, sidesText } from './disaggregate.ts'
import { highestRate, prefillMoments } from './prefill.ts'
import { transferMs } from './transfer.ts'

describe('a queue of prompts', () => {
  const server = { promptMs: 100, prompt: { mean: 1000, spread: 0 }, aroundMs: 20 }

  test('waits as Pollaczek and Khinchine say', () => {
    // Half busy with equal prompts: ρ S / (2 (1 − ρ)) = 50.
    expect(prefillMoments(server, 5)!.mean).toBeCloseTo(20 + 100 + 50)
    // Spread as wide as the mean doubles the wait.
    const wide = { ...server, prompt: { mean: 1000, spread: 1 } }
    expect(prefillMoments(wide, 5)!.mean).toBeCloseTo(20 + 100 + 100)
    expect(prefillMoments(server, 10)).toBeNull()
  })

  test('is filled up to what the limit allows, never beyond nine tenths', () => {
    expect(highestRate(100, () => true)).toBeCloseTo(9)
    // 20 + 100 + wait ≤ 170: half busy.
    expect(highestRate(100, (rps) => prefillMoments(server, rps)!.mean <= 170)).toBeCloseTo(5, 3)
  })
})

test('a cache goes over at the speed of the link', () => {
  const layout = layoutOf('llama-3.1-8b')
  // 131,072 bytes a token over NVLink of 450 GB/s, over a port of 50 GB/s beyond a machine of eight.
  expect(transferMs(layout, 1000, 8)).toBeCloseTo(1 + 131.072 / 450, 6)
  expect(transferMs(layout, 1000, 16)).toBeCloseTo(1 + 131.072 / 50, 6)
  expect(transferMs({ ...layout, tp: 4 }, 1000, 8)).toBeCloseTo(1 + 131.072 / 4 / 450, 6)
})

describe('prompts and decoding apart', () => {
  const found = (gpu: string, slo: string, rateRps: number | null = null) => {
    const request = {
      model: resolveModel('llama-3.1-8b')!,
      fleet: parseFleet(gpu, () => null),
      workload: parseWorkload('4000,100'),
      slo: parseSlo(slo),
      rateRps,
      objective: 'cost' as const,
      minQuality: 0.99,
      pinned: { engines: engineModels },
      speculation: null,
      tenancy: 'on-demand' as const,
      prices: new Map(),
    }
    const { candidates } = plan(request)
    return { best: disaggregate(request, candidates), candidates }
  }

  test('take as many replicas as both sides need, within the devices', () => {
    const { best, candidates } = found('h100:8', 'ttft.p95=600ms,tpot.p95=10ms')
    expect(best!.meetsSlo).toBe(true)
    expect(best!.devices).toBeLessThanOrEqual(8)
    expect(best!.prefill.busy).toBeLessThan(1)
    expect(sidesText(best!)).toMatch(/^\d+ × tp\d+ read prompts, \d+ × tp\d+ decode$/)
    expect(gainOver(best!, candidates[0]!, 'cost')).toBeLessThan(1)
  })

  test('decode without a stall: TPOT is what no prompt disturbs', () => {
    const { best, candidates } = found('h100:8', 'ttft.p95=2s,tpot.p95=8ms')
    const together = candidates.find(
      ({ settings }) => settings.weights === best!.decode.candidate.settings.weights,
    )!
    expect(best!.tpot.variance).toBeLessThan(together.operating.tpot.variance + 1)
    expect(best!.tpot.mean).toBeLessThanOrEqual(8)
  })

  test('need two devices at least, and an engine that hands caches over', () =>
    expect(found('h100:1', 'ttft.p95=600ms,tpot.p95=20ms').best).toBeNull())
})
