import { describe, expect, it } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { readPrices } from '../cost/prices.ts'
import { readSites } from '../cost/site.ts'
import { figuresOf } from '../explain/figures.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { parseFleet } from '../workload/fleet.ts'
import { parseWorkload } from '../workload/parse-workload.ts'
import { parseSlo } from '../workload/slo.ts'
import { plan } from './plan.ts'
import type { Request } from './screen.ts'

const request = (gpu: string, change: Partial<Request> = {}): Request => ({
  model: resolveModel('llama-3.1-8b')!,
  fleet: parseFleet(gpu, () => null),
  workload: parseWorkload('1000,200'),
  slo: parseSlo('ttft.p95=500ms,tpot.p95=60ms'),
  rateRps: null,
  objective: 'cost',
  minQuality: 0.99,
  pinned: { engines: engineModels.filter(({ name }) => name === 'vllm') },
  tenancy: 'on-demand',
  prices: new Map(),
  ...change,
})

describe('clusters', () => {
  it('keeps equal devices in two clusters apart, each with its price', () => {
    const prices = readPrices({
      l40s: { 'on-demand': 1 },
      'l40s@us': { 'on-demand': 0.5 },
      clusters: {},
    })
    const { candidates } = plan(request('l40s:2@eu,l40s:2@us', { prices }))
    const usd = Object.fromEntries(
      candidates.map(({ settings, usdPerHour }) => [
        settings.device,
        usdPerHour! / settings.devices,
      ]),
    )
    expect(usd).toEqual({ 'L40S@eu': 1, 'L40S@us': 0.5 })
    expect(candidates[0]!.settings.device).toBe('L40S@us')
  })

  it('spends no more in a cluster than it may', () => {
    const sites = readSites({ eu: { usdPerHourMax: 2 } })
    const prices = readPrices({ l40s: { 'on-demand': 1 } })
    for (const { settings } of plan(request('l40s:8@eu', { prices, sites })).candidates)
      expect(settings.devices).toBeLessThanOrEqual(2)
  })

  it('counts the way to a cluster against the limits', () => {
    const far = { sites: readSites({ us: { latencyMs: 300 } }) }
    const [near] = plan(request('l40s:1')).candidates
    const [there] = plan(request('l40s:1@us', far)).candidates
    expect(there!.meetsSlo).toBe(true)
    expect(there!.mostRps).toBeLessThan(near!.mostRps)
    const beyond = { sites: readSites({ us: { latencyMs: 600 } }) }
    expect(plan(request('l40s:1@us', beyond)).status).toBe('nearest')
  })

  it('gives shares of the route where one cluster is not enough', () => {
    const slo = parseSlo('tpot.p95=80ms')
    const gpu = 'l40s:1@eu,l40s:1@us'
    const most = plan(request(gpu, { slo })).candidates[0]!.mostRps
    const { split } = plan(request(gpu, { slo, rateRps: most * 1.5 }))
    expect(split.map(({ candidate }) => candidate.settings.device).toSorted()).toEqual([
      'L40S@eu',
      'L40S@us',
    ])
    expect(split.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 2)
  })

  it('reckons CO₂ with the grid of the cluster', () => {
    const grams = (gramsCo2PerKwh: number) => {
      const sites = readSites({ '': { gramsCo2PerKwh, pue: 1.2 } })
      return figuresOf(plan(request('l40s:1', { sites })).candidates[0]!).gramsCo2PerMillionTokens!
        .value
    }
    expect(grams(600) / grams(60)).toBeCloseTo(10, 1)
  })

  it.each([[{ eu: 3 }], [{ eu: { latency: 3 } }], [{ eu: { pue: 0.5 } }], [[]]])(
    'refuses %j',
    (json) => {
      expect(() => readSites(json)).toThrow(
        expect.objectContaining({ code: 'planner/bad-request' }),
      )
    },
  )
})
