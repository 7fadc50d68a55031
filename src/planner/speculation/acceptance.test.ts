import { describe, expect, test } from 'vitest'
import { resolveModel } from '../models/resolve-model.ts'
import { acceptanceOf, levelAcceptance, tokensPerStep } from './acceptance.ts'
import { publishedDrafts } from './published.ts'
import { chain } from './speculation.ts'

describe('tokens a step', () => {
  test.each([
    // Σ aⁱ by hand.
    [0, 3, 1],
    [0.5, 1, 1.5],
    [0.5, 3, 1.875],
    [0.8, 2, 1 + 0.8 + 0.64],
    [1, 4, 5],
  ])('with an acceptance of %d and %d guesses: %d', (acceptance, depth, expected) =>
    expect(tokensPerStep({ acceptance, ...chain(depth) })).toBeCloseTo(expected, 12),
  )

  test('more candidates are right more often, one alone as often as it is', () => {
    expect(levelAcceptance({ acceptance: 0.6, ...chain(3) })).toBeCloseTo(0.6)
    // Four candidates halve the rejections.
    const tree = { acceptance: 0.6, depth: 3, width: 4 }
    expect(levelAcceptance({ ...tree, verified: 13 })).toBeCloseTo(0.8)
    // Only those count that are verified: two at each place here.
    expect(levelAcceptance({ ...tree, verified: 7 })).toBeCloseTo(1 - 0.4 / Math.SQRT2)
  })

  test('what is printed is read backwards', () => {
    for (const acceptance of [0.2, 0.62, 0.9])
      expect(acceptanceOf(tokensPerStep({ acceptance, ...chain(3) }), 3)).toBeCloseTo(acceptance, 3)
  })
})

describe('published drafts', () => {
  const drafts = (name: string, workload: string) => publishedDrafts(resolveModel(name)!, workload)

  test('never go deeper than what was measured, and say where from', () => {
    const qwen = drafts('qwen3-8b', 'chat')
    expect(qwen.map(({ depth }) => depth)).toEqual([1, 2])
    expect(qwen[1]).toMatchObject({ ...chain(2), method: 'eagle' })
    expect(tokensPerStep(qwen[1]!)).toBeCloseTo(1.97, 2)
    for (const { source } of qwen) expect(source).not.toBe('')
  })

  test('are right more often in code than in conversation', () => {
    const [chat] = drafts('llama-3.1-8b', 'chat')
    const [code] = drafts('llama-3.1-8b', 'code')
    expect(code!.acceptance).toBeGreaterThan(chat!.acceptance)
  })

  test('of a model that nobody has measured there are none', () =>
    expect(drafts('opt-13b', 'chat')).toEqual([]))
})
