import { describe, expect, it } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { parseFleet } from '../workload/fleet.ts'
import { parseWorkload } from '../workload/parse-workload.ts'
import { choose } from './choose.ts'
import { readScores, type Score } from './scores.ts'

const models = ['llama-3.1-8b', 'qwen3-8b', 'llama-3.1-70b'].map((name) => resolveModel(name)!)
const wish = (scores: readonly Score[]) => ({
  task: 'chat' as const,
  languages: ['de'],
  scores,
  request: {
    fleet: parseFleet('l40s:1', () => null),
    workload: parseWorkload('500,100'),
    slo: [],
    rateRps: null,
    objective: 'cost' as const,
    minQuality: 0.99,
    pinned: { engines: engineModels.filter(({ name }) => name === 'vllm') },
    tenancy: 'on-demand' as const,
    prices: new Map(),
  },
})
const row = (model: string, score: string, more: object = {}) => ({
  model,
  task: 'chat',
  language: 'de',
  benchmark: 'Some',
  score,
  source: 'invented for this test',
  ...more,
})

describe('choose', () => {
  it('ranks by cost and latency where no score is known, and says so', () => {
    const { choices, isScored, passedOver } = choose(models, wish([]))
    expect(isScored).toBe(false)
    expect(choices.every(({ standing }) => standing.quality === null)).toBe(true)
    expect(choices[0]!.value).toBeGreaterThanOrEqual(choices[1]!.value)
    expect(choices[0]!.standing.unknownLanguages).toEqual(['de'])
    expect(passedOver).toEqual([
      { model: 'Llama-3.1-70B-Instruct', reason: expect.stringMatching(/does not fit/) },
    ])
    expect(choices.map(({ licence }) => String(licence)).toSorted()).toEqual([
      'Apache-2.0',
      'Llama 3.1 Community',
    ])
  })

  it('puts quality before a small difference in cost, and scored models before others', () => {
    const { scores } = readScores([row('llama-3.1-8b', '50'), row('qwen3-8b', '80')])
    expect(choose(models, wish(scores)).choices[0]!.model.name).toBe('Qwen3-8B')
    const one = readScores([row('llama-3.1-8b', '10')])
    const [first, second] = choose(models, wish(one.scores)).choices
    expect(first!.model.name).toBe('Llama-3.1-8B-Instruct')
    expect(second!.standing.quality).toBeNull()
  })

  it('reads scores of another language or task as none', () => {
    const { scores } = readScores([row('qwen3-8b', '80', { language: 'fr' })])
    expect(choose(models, wish(scores)).isScored).toBe(false)
  })
})

describe('readScores', () => {
  it.each([
    [[], /no rows/],
    [[{ model: 'x', task: 'chat' }], /no column benchmark, score, source/],
    [[row('qwen3-8b', 'good')], /"good" is no score/],
    [[row('qwen3-8b', '80', { source: '' })], /without a source/],
    [[row('qwen3-8b', '80', { task: 'poetry' })], /"poetry" is none of chat, rag/],
  ])('refuses %#', (rows, message) => {
    expect(() => readScores(rows)).toThrow(
      expect.objectContaining({
        code: 'planner/bad-scores',
        message: expect.stringMatching(message),
      }),
    )
  })

  it('passes over models that it does not know, with a note', () => {
    expect(readScores([row('zzz', '1')])).toEqual({
      scores: [],
      notes: [expect.stringMatching(/no model "zzz"/)],
    })
  })
})
