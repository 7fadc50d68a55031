import { describe, expect, test } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { weightBytesPerDevice } from '../memory/weights.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { tokensPerStep } from '../speculation/acceptance.ts'
import { chain, type Speculation } from '../speculation/speculation.ts'
import { layoutOf } from '../step/layout.fixture.ts'
import { draftFeatures, draftMemory, tokenFeatures, underEngine } from './drafted-step.ts'
import { stepFeatures, weigh } from './features.ts'
import { eraOf } from './scenario.ts'

const layout = layoutOf('llama-3.1-8b')
const drafts = (change: Partial<Speculation> = {}): Speculation => ({
  method: 'ngram',
  ...chain(3),
  acceptance: 0.5,
  model: null,
  weights: null,
  source: '',
  ...change,
})
const step = eraOf(engineModels[0]!, '').step

describe('a drafted step', () => {
  test('is one pass over all guesses, shared by the tokens that come of it', () => {
    const one = drafts()
    const verify = stepFeatures(layout, 8, 500, 0, 0, 4)
    const token = tokenFeatures(layout, 8, 500, one)
    expect(token.dense * tokensPerStep(one)).toBeCloseTo(verify.dense, 9)
    expect(weigh(token, step)).toBeLessThan(weigh(stepFeatures(layout, 8, 500, 0, 0), step))
  })

  test('costs a host more for each sequence where it can not work beside one', () => {
    const one = drafts()
    const token = tokenFeatures(layout, 8, 500, one)
    const under = (draftedHost?: number) => {
      const engine = engineModels[0]!
      return { scheduling: { ...engine.scheduling, draftedHost } as typeof engine.scheduling }
    }
    expect(underEngine(token, under(), one)).toEqual(token)
    expect(underEngine(token, under(4), null)).toEqual(token)
    expect(underEngine(token, under(4), one)).toEqual({
      ...token,
      sequenceUs: 4 * token.sequenceUs,
    })
  })

  test('reads the cache once however many guesses there are', () => {
    const at = (queries: number) => stepFeatures(layout, 4, 4000, 0, 0, queries).attention
    expect(at(4)).toBe(at(1))
  })

  test('gains nothing where guesses are never right, and loses where compute is short', () => {
    const ms = (decodes: number, speculation: Speculation | null) =>
      weigh(tokenFeatures(layout, decodes, 500, speculation), step)
    expect(ms(1, drafts({ acceptance: 0 }))).toBeGreaterThanOrEqual(ms(1, null))
    expect(ms(1, drafts())).toBeLessThan(ms(1, null))
    expect(ms(1024, drafts())).toBeGreaterThan(ms(1024, null))
  })

  test.each(['eagle', 'mtp', 'draft', 'medusa'] as const)(
    'by %s costs passes and memory of its own',
    (method) => {
      const one = drafts({ method, model: resolveModel('llama-3.2-1b')! })
      const cost = draftFeatures(layout, 8, 500, one)!
      expect(cost.dense).toBeGreaterThan(0)
      const { besideBytes } = draftMemory(layout, one)
      expect(besideBytes).toBeGreaterThan(0)
      expect(besideBytes).toBeLessThan(weightBytesPerDevice(layout))
    },
  )

  test('without a drafter takes nothing', () => {
    expect(draftFeatures(layout, 8, 500, drafts())).toBeNull()
    expect(draftMemory(layout, drafts({ method: 'lookahead' }))).toEqual({
      besideBytes: 0,
      besideLayers: 0,
    })
  })

  test('by an EAGLE head keeps a cache of one more layer', () =>
    expect(draftMemory(layout, drafts({ method: 'eagle' })).besideLayers).toBe(1))
})
