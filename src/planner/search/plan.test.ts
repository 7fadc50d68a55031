import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { acceleratorCatalogue } from '../accelerators/resolve-accelerator.ts'
import { readPrices } from '../cost/prices.ts'
import { steadyState } from '../load/steady-state.ts'
import { weightBytesPerDevice } from '../memory/weights.ts'
import { modelCatalogue } from '../models/catalogue.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { asRead } from '../workload/as-read.ts'
import { workloadPresets } from '../workload/presets.ts'
import { parseFleet } from '../workload/fleet.ts'
import { parseWorkload } from '../workload/parse-workload.ts'
import { parseSlo } from '../workload/slo.ts'
import { type Candidate, objectives } from './candidate.ts'
import { adapterBurden } from '../burdens/adapters.ts'
import { compileBurden } from '../burdens/compile-level.ts'
import { offloadBurden } from '../burdens/offload.ts'
import { parseSpeculation } from '../speculation/parse-speculation.ts'
import { meets, valueOf } from './operate.ts'
import { plan } from './plan.ts'
import type { Request } from './screen.ts'
import type { Pinned } from './settings.ts'

function request(model: string, gpu: string, change: Partial<Request> = {}): Request {
  const facts = resolveModel(model)
  if (!facts) throw new RangeError(`no model ${model}`)
  const workload = parseWorkload('chat')
  return {
    model: facts,
    fleet: parseFleet(gpu, () => null),
    workload,
    slo: parseSlo('ttft.p95=500ms,tpot.p95=50ms'),
    rateRps: null,
    objective: 'cost',
    minQuality: 0.99,
    pinned: { engines: engineModels },
    standIns: engineModels,
    tenancy: 'on-demand',
    prices: new Map(),
    ...change,
  }
}

const pinned = (pins: Omit<Pinned, 'engines'>): Pinned => ({ engines: engineModels, ...pins })

describe('plan', () => {
  it('keeps the limits, the devices and the memory', () => {
    const { status, candidates, request: planned } = plan(request('llama-3.1-70b', 'h100:8'))
    expect(status).toBe('meets')
    for (const { operating, settings, budget, meetsSlo, copy } of candidates) {
      if (!meetsSlo) continue
      expect(meets(operating, planned.slo)).toBe(true)
      expect(settings.devices).toBeLessThanOrEqual(8)
      expect(weightBytesPerDevice(copy.layout)).toBeLessThan(budget.deviceBytes * budget.share)
      expect(settings.batchedTokens).toBeGreaterThanOrEqual(settings.maxSequences)
    }
  })

  it('ranks by what is asked for', () => {
    const curves = new Map()
    const found = new Map<string, Candidate>()
    const best = (objective: Request['objective']) => {
      const known = found.get(objective)
      if (known) return known
      const asked = request('llama-3.1-70b', 'h100:8', { objective, rateRps: 4 })
      const [first] = plan(asked, curves).candidates
      found.set(objective, first!)
      return first!
    }
    const latency = { figure: 'e2e', statistic: 'p95', limitMs: 0 } as const
    expect(best('cost').usdPerHour!).toBeLessThan(best('latency').usdPerHour!)
    expect(valueOf(best('latency').operating, latency)).toBeLessThan(
      valueOf(best('cost').operating, latency),
    )
    expect(best('throughput').mostRps).toBeGreaterThanOrEqual(best('latency').mostRps)
    expect(best('energy').joulesPerToken!).toBeLessThanOrEqual(best('latency').joulesPerToken!)
    expect(best('quality').quality.loss).toBe(0)
  })

  it('agrees with what predict says of the same settings', () => {
    const [best] = plan(request('llama-3.1-70b', 'h100:8')).candidates
    const { settings, copy, engine, operating } = best!
    const state = steadyState({
      layout: copy.layout,
      engine,
      version: '',
      replicas: 1,
      isl: 1155,
      osl: 211,
      prefixShare: 0,
      load: { kind: 'open', rateRps: operating.rateRps, prompts: null },
      maxSequences: settings.maxSequences,
      batchedTokens: settings.batchedTokens,
      memoryShare: settings.memoryShare,
      speculation: best!.curve.device.speculation,
    })
    expect(operating.tpot.mean / state.tpotMs).toBeCloseTo(1, 1)
    expect(operating.ttft.mean / state.ttftMs).toBeCloseTo(1, 1)
  })

  it('lets only measured precisions pass unless told otherwise', () => {
    const losses = (minQuality: number) =>
      plan(request('qwen3-32b', 'h100:4', { minQuality })).candidates.map(
        ({ quality }) => quality.loss,
      )
    expect(losses(0.99).every((loss) => loss !== null && loss <= 0.01)).toBe(true)
    expect(losses(0)).toContain(null)
  })

  it('lets a named precision pass, and that one alone', () => {
    const kinds = (pins: Omit<Pinned, 'engines'>) =>
      new Set(
        plan(request('llama-3.1-8b', 'l40s:1', { pinned: pinned(pins) })).candidates.map(
          ({ settings: { weights, kvPrecision } }) => `${weights} ${kvPrecision}`,
        ),
      )
    expect(kinds({ weights: 'int4' })).toEqual(new Set(['int4 bf16']))
    expect(kinds({ kvPrecision: 'fp8' })).toEqual(new Set(['bf16 fp8', 'fp8 fp8']))
  })

  it('does not take what was measured of other formats for what a GGUF file loses', () => {
    const rounded = (minQuality: number) =>
      plan(request('gemma-2-9b-it', 'l40s:1', { minQuality }))
        .candidates.filter(({ settings }) => settings.weights === 'int8')
        .map(({ settings, quality }) => [settings.engine, quality.loss !== null])
    expect(Object.fromEntries(rounded(0.99))).toEqual({ vllm: true, trtllm: true, sglang: true })
    expect(Object.fromEntries(rounded(0))).toMatchObject({ llama: false, vllm: true })
  })

  it('takes the prices of the user', () => {
    const prices = readPrices({ h100: { 'on-demand': 1, spot: 0.5 } })
    const usd = (change: Partial<Request>) =>
      plan(request('llama-3.1-8b', 'h100:1', { prices, ...change })).candidates[0]!.usdPerHour
    expect(usd({})).toBe(1)
    expect(usd({ tenancy: 'spot' })).toBe(0.5)
    expect(usd({ tenancy: 'reserved' })).toBeNull()
  })

  it('mixes types where one would do and both are cheaper', () => {
    const slo = parseSlo('tpot.p95=80ms')
    const prices = readPrices({ l40s: { 'on-demand': 0.3 }, h100: { 'on-demand': 2.5 } })
    const most = (gpu: string) => plan(request('llama-3.1-8b', gpu, { slo })).candidates[0]!.mostRps
    const rateRps = most('h100:1') + 0.9 * most('l40s:1')
    const asked = request('llama-3.1-8b', 'h100:4,l40s:2', { slo, rateRps, prices })
    const { split, candidates } = plan(asked)
    expect(candidates[0]!.meetsSlo).toBe(true)
    const usd = split.map(
      ({ candidate: { usdPerHour, settings }, replicas }) =>
        (usdPerHour! / settings.replicas) * replicas,
    )
    expect(split).toHaveLength(2)
    expect(usd[0]! + usd[1]!).toBeLessThan(0.9 * candidates[0]!.usdPerHour!)
    expect(plan({ ...asked, objective: 'latency' }).split).toEqual([])
  })

  it('keeps something in hand: never quite what a replica does with all its places taken', () => {
    for (const { curve, operating } of plan(request('llama-3.1-8b', 'l40s:1')).candidates) {
      const rateOf = (running: number) => running / curve.stepMs(running)
      expect(rateOf(operating.running)).toBeLessThan(0.94 * rateOf(operating.places))
    }
  })

  it('spreads a rate over several types with weights', () => {
    const slo = parseSlo('tpot.p95=80ms')
    const mixed = (rateRps: number | null) =>
      plan(request('llama-3.1-8b', 'h100:1,l40s:1', { slo, rateRps }))
    const most = Math.max(...mixed(null).candidates.map(({ mostRps }) => mostRps))
    const found = mixed(most * 1.1)
    expect(found.status).toBe('meets')
    expect(found.split.length).toBe(2)
    expect(found.split.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 2)
    expect(found.split.reduce((sum, { rps }) => sum + rps, 0)).toBeCloseTo(most * 1.1, 3)
  })
})

describe('what can not be', () => {
  it.each([
    [
      'heads that do not divide',
      request('llama-3.1-8b', 'h100:8', { pinned: pinned({ tp: 3 }) }),
      /does not divide the 32 heads.*nearest: 2/,
    ],
    [
      'FP8 on Ampere',
      request('llama-3.1-8b', 'a100:1', { pinned: pinned({ weights: 'fp8' }) }),
      /does not multiply fp8; nearest: bf16/,
    ],
    [
      'a limit below the floor',
      request('llama-3.1-8b', 'h100:1', { slo: parseSlo('ttft.p95=1ms') }),
      /ttft\.p95 ≤ 1 ms is below/,
    ],
    ['a model that is too large', request('deepseek-r1', 'l4:1'), /does not fit: L4/],
    [
      'a rate beyond the devices',
      request('llama-3.1-8b', 'h100:1', { rateRps: 1e4 }),
      /takes about \d+ × H100/,
    ],
    [
      'more devices than there are',
      request('llama-3.1-8b', 'h100:2', { pinned: pinned({ tp: 8 }) }),
      /8 devices are asked for, 2 are there/,
    ],
    [
      'a context beyond the model',
      request('llama-2-7b', 'h100:1', { pinned: pinned({ contextMax: 1e6 }) }),
      /made for 4096 tokens/,
    ],
  ])('%s gets the nearest plan and the reason', (_, asked, reason) => {
    const { status, reasons, candidates } = plan(asked)
    expect(status).toBe('nearest')
    expect(reasons.join('\n')).toMatch(reason)
    expect(candidates.length).toBeGreaterThan(0)
  })

  it('never crashes and never has nothing to say', () => {
    const pin = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined })
    fc.assert(
      fc.property(
        fc.constantFrom(...modelCatalogue.map(({ facts }) => facts.name)),
        fc.array(
          fc.record({
            device: fc.constantFrom(...acceleratorCatalogue.map((entry) => entry.accelerator)),
            count: fc.integer({ min: 1, max: 9 }),
          }),
          { minLength: 1, maxLength: 2 },
        ),
        fc.record({
          workload: fc.oneof(
            fc.constantFrom(...workloadPresets),
            fc
              .tuple(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 1, max: 50_000 }))
              .map(([isl, osl]) => parseWorkload(`${isl},${osl}`)),
          ),
          slo: fc.constantFrom('ttft=1ms', 'tpot.p99=3ms,e2e.mean=2s', 'ttft=10s', 'e2e.p50=1ms'),
          rateRps: fc.option(fc.double({ min: 1e-3, max: 1e5, noNaN: true })),
          objective: fc.constantFrom(...objectives),
          minQuality: fc.constantFrom(0, 0.9, 1),
          tp: pin(fc.integer({ min: 1, max: 9 })),
          pp: pin(fc.integer({ min: 1, max: 9 })),
          replicas: pin(fc.integer({ min: 1, max: 9 })),
          weights: pin(fc.constantFrom('bf16', 'fp8', 'int8', 'int4', 'nvfp4', 'mxfp4')),
          engine: fc.constantFrom(...engineModels.map(({ name }) => name)),
          speculation: fc.constantFrom(
            'auto' as const,
            null,
            parseSpeculation('eagle:tokens=3,acceptance=0.7', resolveModel),
            parseSpeculation('ngram:tokens=8,acceptance=0.1', resolveModel),
          ),
          burdens: fc.subarray([
            adapterBurden({ count: 64, rank: 64 }),
            offloadBurden({ what: 'weights', where: 'host', share: 0.5 }),
            offloadBurden({ what: 'experts', where: 'cpu', share: 1 }),
            ...compileBurden('eager'),
          ]),
        }),
        (model, fleet, asked) => {
          const { tp, pp, replicas, weights } = asked
          const pins = Object.fromEntries(
            Object.entries({ tp, pp, replicas, weights }).filter(
              ([, value]) => value !== undefined,
            ),
          )
          const found = plan({
            ...request(model, 'h100:1'),
            ...asked,
            fleet,
            slo: parseSlo(asked.slo),
            pinned: { engines: engineModels.filter(({ name }) => name === asked.engine), ...pins },
          })
          if (found.status === 'nearest') expect(found.reasons.length).toBeGreaterThan(0)
          const [best] = found.candidates
          // What no engine asked for can run on no device asked for has no layout at all, and a reason.
          if (best === undefined) return expect(found.reasons.join()).toMatch(/cannot|not |no /)
          expect(Number.isFinite(best!.operating.tpot.mean)).toBe(true)
          expect(Number.isFinite(best!.operating.ttft.mean)).toBe(true)
          expect(best!.outputTokensPerSecond).toBeGreaterThan(0)
        },
      ),
      { numRuns: 30 },
    )
  }, 120_000)
})

it.each(['ttft.p95=1ms', 'e2e.mean=1ms', 'tpot.p99=0.01ms', 'ttft=1ms,e2e=2ms'])(
  'names no floor above what its nearest plan does, for %s',
  (slo) => {
    const targets = parseSlo(slo)
    const { reasons, candidates } = plan(request('llama-3.1-8b', 'l40s:1', { slo: targets }))
    for (const [at, reason] of reasons.entries()) {
      const [, floor = ''] = /can do: ([\d.]+) ms/.exec(reason) ?? []
      const values = candidates.map(({ operating }) => valueOf(operating, targets[at]!))
      expect(Number(floor)).toBeLessThanOrEqual(Math.min(...values) * 1.005)
    }
    expect(reasons).toHaveLength(targets.length)
  },
)

describe('a model that only reads', () => {
  const workload = asRead(parseWorkload('chat'), resolveModel('bge-m3')!)
  const { candidates } = plan(request('bge-m3', 'l40s:1', { workload, slo: workload.slo }))

  it('is planned by its prompts, and paid for by what it reads', () => {
    const [best] = candidates
    expect(best!.meetsSlo).toBe(true)
    expect(best!.outputTokensPerSecond / best!.servedRps).toBeCloseTo(workload.inputTokens.mean, 6)
  })
})
