import { describe, expect, it } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { parseFleet } from '../workload/fleet.ts'
import { parseWorkload } from '../workload/parse-workload.ts'
import { choose, type Wish } from './choose.ts'
import { readScores, type Score } from './scores.ts'

const models = ['llama-3.1-8b', 'qwen3-8b', 'llama-3.1-70b'].map((name) => resolveModel(name)!)
const wish = (own: readonly Score[], more: Partial<Wish> = {}): Wish => ({
  task: 'chat' as const,
  languages: ['de'],
  own,
  published: [],
  thinkingTokens: null,
  qualityMin: 0,
  ranking: 'value',
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
  ...more,
})
/** A published score on an English benchmark. */
const published = (model: string, benchmark: string, score: number, thinks = false): Score => ({
  model,
  task: 'chat',
  language: 'en',
  benchmark,
  score,
  source: 'a board',
  thinks,
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
  it('judges each facet by itself, and takes the mean of the others where one is not known', () => {
    const reading = (model: string, score: number) => published(model, 'reading', score)
    const faithful = (model: string, score: number) => ({
      ...published(model, 'faithfulness', score),
      facet: 'faithfulness',
    })
    const scores = [
      reading('Llama-3.1-8B-Instruct', 80),
      reading('Qwen3-8B', 60),
      reading('Other', 70),
      faithful('Llama-3.1-8B-Instruct', 50),
      faithful('Other', 90),
      faithful('Another', 70),
    ]
    const { choices } = choose(models, wish([], { languages: ['en'], published: scores }))
    const of = (name: string) => choices.find(({ model }) => model.name === name)!.standing
    const [llama, qwen] = [of('Llama-3.1-8B-Instruct'), of('Qwen3-8B')]
    expect(llama.quality!).toBeLessThan(0.95)
    expect(qwen.quality!).toBeLessThan(llama.quality!)
    expect(qwen.error!).toBeGreaterThan(0.03)
  })

  it('plans each model with the engines that take it', () => {
    const llama = engineModels.filter(({ name }) => name === 'llama')
    const engines = new Map([['Qwen3-8B', llama]])
    const { choices } = choose(models, wish([], { engines }))
    const engineOf = (name: string) =>
      choices.find(({ model }) => model.name === name)!.candidate.settings.engine
    expect(engineOf('Qwen3-8B')).toBe('llama')
    expect(engineOf('Llama-3.1-8B-Instruct')).toBe('vllm')
  })

  it('ranks by cost and latency where no score is known, and says so', () => {
    const { choices, isScored, passedOver } = choose(models, wish([]))
    expect(isScored).toBe(false)
    expect(choices.every(({ standing }) => standing.quality === null)).toBe(true)
    expect(choices[0]!.value).toBeGreaterThanOrEqual(choices[1]!.value)
    expect(choices[0]!.standing.unknownLanguages).toEqual(['de'])
    expect(passedOver).toEqual([
      { model: 'Llama-3.1-70B-Instruct', reason: expect.stringMatching(/does not fit/) },
    ])
    expect(choices.map(({ licence }) => licence?.name ?? '').toSorted()).toEqual([
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

  it('takes published scores where there are no own ones, and ranks behind those', () => {
    const board = [
      published('Llama-3.1-8B-Instruct', 'A', 90),
      published('Qwen3-8B', 'A', 60),
      published('Llama-3.1-70B-Instruct', 'A', 80),
    ]
    const by = (own: readonly Score[]) =>
      choose(models, wish(own, { published: board, languages: ['en'] })).choices.map(
        ({ model, standing }) => [model.name, standing.by],
      )
    expect(by([])).toEqual([
      ['Llama-3.1-8B-Instruct', 'published'],
      ['Qwen3-8B', 'published'],
    ])
    expect(by(readScores([row('qwen3-8b', '1', { language: 'en' })]).scores)).toEqual([
      ['Qwen3-8B', 'own'],
      ['Llama-3.1-8B-Instruct', 'published'],
    ])
  })

  it('puts what was only measured with thinking behind, until somebody counts the thoughts', () => {
    const board = [
      published('Llama-3.1-8B-Instruct', 'A', 60),
      published('Qwen3-8B', 'A', 90, true),
      published('Llama-3.1-70B-Instruct', 'A', 70),
    ]
    const chosen = (thinkingTokens: number | null) =>
      choose(models, wish([], { published: board, languages: ['en'], thinkingTokens })).choices
    const [first, second] = chosen(null)
    expect([first!.model.name, second!.standing.thinks]).toEqual(['Llama-3.1-8B-Instruct', true])
    const thoughtful = chosen(500).find(({ standing }) => standing.thinks)!
    expect(thoughtful.usdPerThousandRequests!).toBeGreaterThan(2 * second!.usdPerThousandRequests!)
  })

  it('leaves out what is not good enough, and what nobody has measured, and says why', () => {
    const board = [
      published('Llama-3.1-8B-Instruct', 'A', 90),
      published('Llama-3.1-70B-Instruct', 'A', 100),
      published('Qwen3-8B', 'A', 40),
    ]
    const { choices, passedOver } = choose(
      [...models, resolveModel('qwen3-4b')!],
      wish([], { published: board, languages: ['en'], qualityMin: 0.8 }),
    )
    expect(choices.map(({ model }) => model.name)).toEqual(['Llama-3.1-8B-Instruct'])
    expect(passedOver.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/below 80 %/),
      expect.stringMatching(/does not fit/),
      'nobody known has measured it for this',
    ])
  })

  it.each(['quality', 'cost', 'latency'] as const)('orders by %s alone when asked', (ranking) => {
    const board = [
      published('Llama-3.1-8B-Instruct', 'A', 60),
      published('Qwen3-8B', 'A', 90),
      published('Llama-3.1-70B-Instruct', 'A', 70),
    ]
    const { choices } = choose(models, wish([], { published: board, languages: ['en'], ranking }))
    const [first, second] = choices
    const merit = {
      quality: -(first!.standing.quality! - second!.standing.quality!),
      cost: first!.usdPerThousandRequests! - second!.usdPerThousandRequests!,
      latency: first!.e2eMsP95 - second!.e2eMsP95,
    }
    expect(merit[ranking]).toBeLessThanOrEqual(0)
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
