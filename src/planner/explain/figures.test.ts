import { expect, test } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { plan } from '../search/plan.ts'
import { parseFleet } from '../workload/fleet.ts'
import { parseWorkload } from '../workload/parse-workload.ts'
import { figuresOf } from './figures.ts'

const best = (rateRps: number | null) =>
  plan({
    model: resolveModel('llama-3.1-8b')!,
    fleet: parseFleet('h100:2', () => null),
    workload: parseWorkload('1000,200'),
    slo: [],
    rateRps,
    objective: 'cost',
    minQuality: 0.99,
    pinned: { engines: engineModels.filter(({ name }) => name === 'vllm') },
    tenancy: 'on-demand',
    prices: new Map(),
  }).candidates[0]!

test('what comes is what is served: only an engine far slower than thought serves less', () => {
  const { usdPerMillionTokens, outputTokensPerSecond } = figuresOf(best(0.5), 0.5)
  expect(usdPerMillionTokens!.high / usdPerMillionTokens!.value).toBeLessThan(1.03)
  expect(outputTokensPerSecond.low / outputTokensPerSecond.value).toBeGreaterThan(0.97)
})

test('the most that can be served is as unsure as the engine', () => {
  const { outputTokensPerSecond } = figuresOf(best(null))
  expect(outputTokensPerSecond.high / outputTokensPerSecond.value).toBeGreaterThan(1.2)
})
