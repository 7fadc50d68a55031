import { describe, expect, test } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { offloadBurden } from '../../planner/burdens/offload.ts'
import { disaggregate } from '../../planner/disaggregation/disaggregate.ts'
import { resolveModel } from '../../planner/models/resolve-model.ts'
import { plan } from '../../planner/search/plan.ts'
import type { Scenario } from '../../planner/load/scenario.ts'
import type { Request } from '../../planner/search/screen.ts'
import { readRow } from '../../planner/predict/row.ts'
import { readScenario } from '../../planner/predict/read-scenario.ts'
import { parseFleet } from '../../planner/workload/fleet.ts'
import { parseWorkload } from '../../planner/workload/parse-workload.ts'
import { parseSlo } from '../../planner/workload/slo.ts'
import { drawRequests } from './drawn-requests.ts'
import { burstRequests, playBurst } from './play-burst.ts'
import { rehearse, rehearseApart } from './rehearse.ts'

const request = (change: Partial<Request> = {}): Request => ({
  model: resolveModel('llama-3.1-8b')!,
  fleet: parseFleet('h100:2', () => null),
  workload: parseWorkload('chat'),
  slo: parseSlo('ttft.p95=500ms,tpot.p95=40ms'),
  rateRps: 12,
  objective: 'cost',
  minQuality: 0.99,
  pinned: { engines: engineModels.filter(({ name }) => name === 'vllm') },
  tenancy: 'on-demand',
  prices: new Map(),
  ...change,
})

describe('drawn requests', () => {
  const draw = { seed: 1, count: 4000, rateRps: 10, contextMax: 32_768 }

  test('come as often and are as long as the workload says', () => {
    const drawn = drawRequests(parseWorkload('chat'), draw)
    const mean = (of: (at: number) => number) =>
      drawn.reduce((sum, _, at) => sum + of(at), 0) / drawn.length
    expect(drawn.at(-1)!.atMs / 1e3).toBeCloseTo(400, -2)
    expect(mean((at) => drawn[at]!.promptTokens) / 1155).toBeCloseTo(1, 1)
    expect(mean((at) => drawn[at]!.answerTokens) / 211).toBeCloseTo(1, 1)
    expect(drawRequests(parseWorkload('chat'), draw)).toEqual(drawn)
  })

  test('share their beginnings, and never go beyond the context', () => {
    const drawn = drawRequests(parseWorkload('agents'), { ...draw, contextMax: 16_000 })
    for (const { promptTokens, answerTokens, blockHashes } of drawn) {
      expect(promptTokens + answerTokens).toBeLessThanOrEqual(16_000)
      expect(blockHashes!.length * 16).toBeLessThanOrEqual(promptTokens)
    }
    expect(new Set(drawn.map(({ blockHashes }) => blockHashes![0])).size).toBeLessThanOrEqual(17)
  })
})

describe('a plan on stage', () => {
  test('is near what the closed form says, and the same every time', () => {
    const { candidates } = plan(request(), new Map(), rehearse)
    const { rehearsed, operating } = candidates[0]!
    expect(rehearsed!.requests).toBe(500)
    expect(rehearsed!.tpot.mean / operating.tpot.mean).toBeCloseTo(1, 0)
    expect(rehearse(candidates[0]!, request(), rehearsed!.rateRps)).toEqual(rehearsed)
  })

  test('goes back with its load until the limits hold', () => {
    const { candidates } = plan(request({ rateRps: null }), new Map(), rehearse)
    const best = candidates[0]!
    expect(best.meetsSlo).toBe(true)
    expect(best.rehearsed!.ttft.p95).toBeLessThanOrEqual(500 * 1.05)
    expect(best.rehearsed!.tpot.p95).toBeLessThanOrEqual(40 * 1.05)
  })

  test('brings as many tokens a step as drafts are accepted', () => {
    const found = plan(request({ pinned: { ...request().pinned, drafted: true } })).candidates[0]!
    const without = plan(request({ speculation: null })).candidates[0]!
    const at = 4
    expect(found.settings.speculative).not.toBe('off')
    expect(rehearse(found, request(), at).tpot.mean).toBeLessThan(
      rehearse(without, request(), at).tpot.mean,
    )
  })

  test('is near the closed form where prompts use what lies elsewhere as well', () => {
    const { candidates } = plan(
      request({
        model: resolveModel('qwen3-30b-a3b')!,
        fleet: parseFleet('rtx4090:1', () => null),
        workload: parseWorkload('500,200'),
        slo: [],
        rateRps: 0.6,
        minQuality: 0,
        pinned: { engines: engineModels.filter(({ name }) => name === 'llama'), weights: 'int8' },
        burdens: [offloadBurden({ what: 'experts', where: 'cpu', share: 1 })],
      }),
      new Map(),
      rehearse,
    )
    const { rehearsed, operating } = candidates[0]!
    expect(operating.tpot.mean / rehearsed!.tpot.mean).toBeGreaterThan(0.6)
    expect(operating.tpot.mean / rehearsed!.tpot.mean).toBeLessThan(1.7)
  })

  test('plays prompts and decoding apart as well', () => {
    const asked = request({ rateRps: 4, speculation: null })
    const apart = disaggregate(asked, plan(asked).candidates)!
    const played = rehearseApart(apart, asked)
    expect(played.tpot.mean / apart.tpot.mean).toBeCloseTo(1, 0)
    expect(played.ttft.mean).toBeGreaterThan(apart.transferMs)
  })
})

test('a burst is played with all that waits', () => {
  const cells = { engine: 'vllm', version: '0.15', model: 'llama-3.1-8b', gpu: 'h100', tp: '1' }
  const row = readRow({
    ...cells,
    num_gpus: '1',
    isl: '220',
    osl: '200',
    concurrency_or_batch: 'num_prompts=1000 rate=inf',
  })
  const scenario = readScenario(row, engineModels)
  if ('reason' in scenario) throw new Error(scenario.reason)
  const all = playBurst(scenario, 1000)!
  const few = playBurst(scenario, 16)!
  expect(all.outputTokensPerSecond).toBeGreaterThan(few.outputTokensPerSecond)
  expect(all.ttftMs).toBeGreaterThan(few.ttftMs)
  const narrow = playBurst({ ...scenario, maxSequences: 32 }, 1000)!
  expect(narrow.outputTokensPerSecond).toBeLessThan(all.outputTokensPerSecond)
})

describe('a burst of recorded conversations', () => {
  const scenarioOf = (isl: string, osl: string) =>
    readScenario(
      readRow({
        engine: 'sglang',
        model: 'llama-3.1-8b',
        gpu: 'h100',
        tp: '1',
        isl,
        osl,
        concurrency_or_batch: 'num_prompts=1000',
      }),
      engineModels,
    ) as Scenario

  test('has their means, and answers of a few words', () => {
    const requests = burstRequests(scenarioOf('219.2', '200.8'), 1000)
    const answers = requests.map(({ answerTokens }) => answerTokens)
    const mean = (values: readonly number[]) =>
      values.reduce((sum, value) => sum + value, 0) / values.length
    expect(mean(answers) / 200.8).toBeCloseTo(1, 1)
    expect(mean(requests.map(({ promptTokens }) => promptTokens)) / 219.2).toBeCloseTo(1, 1)
    expect(Math.min(...answers)).toBe(4)
    expect(Math.max(...answers)).toBeLessThanOrEqual(2044)
    expect(answers.filter((tokens) => tokens < 10).length).toBeGreaterThan(50)
  })

  test('is alike where whole numbers were asked for', () => {
    const requests = burstRequests(scenarioOf('128', '2048'), 10)
    expect(new Set(requests.map(({ answerTokens }) => answerTokens))).toEqual(new Set([2048]))
  })
})
