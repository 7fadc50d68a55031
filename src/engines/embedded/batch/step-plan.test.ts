import { describe, expect, it } from 'vitest'
import type { Generation } from './generation.ts'
import type { Sequence } from './sequence.ts'
import { arrange, planStep } from './step-plan.ts'

const perToken = (msPerToken: number) => ({ fixedMs: 0, msPerToken })
const limits = { batchTokens: 64, aloneMs: 1000, sharedMs: 100 }

function sequence(id: number, promptTokens: number, read: number, startedMs = 0): Sequence {
  const isRead = read >= promptTokens
  return {
    id,
    tokens: Array.from({ length: read }, () => 1),
    usedMs: 0,
    work: {
      generation: {
        prompt: new Uint32Array(promptTokens),
        wantsPromptDistributions: false,
      } as Generation,
      sampler: { dispose: () => {} },
      rawSampler: null,
      arrivedMs: 0,
      startedMs,
      cachedTokens: 0,
      firstTokenMs: null,
      nextToken: isRead ? 5 : -1,
      sampledTokens: 0,
      deliveredTokens: 0,
      isReported: false,
    },
  }
}
const sizes = (parts: ReturnType<typeof planStep>): [id: number, tokens: number][] =>
  parts.map((part) => [part.sequence.id, part.tokens.length])

describe('step plan', () => {
  it('takes one token of every answer', () => {
    expect(sizes(planStep([sequence(2, 5, 5), sequence(0, 3, 4)], limits, perToken(1)))).toEqual([
      [2, 1],
      [0, 1],
    ])
  })

  it('fills the batch with prompts, the oldest first', () => {
    const busy = [sequence(0, 50, 0, 20), sequence(1, 50, 10, 10)]
    expect(sizes(planStep(busy, limits, perToken(1)))).toEqual([
      [1, 40],
      [0, 24],
    ])
  })

  it('reads less of a prompt while others wait for their next token', () => {
    const prompt = sequence(1, 5000, 0)
    expect(sizes(planStep([prompt], limits, perToken(21)))).toEqual([[1, 48]])
    expect(sizes(planStep([sequence(0, 5, 5), prompt], limits, perToken(4)))).toEqual([
      [0, 1],
      [1, 31],
    ])
  })

  it('fills tiles of rows, answers counted', () => {
    const rows = (answers: number, msPerToken: number) =>
      sizes(
        planStep(
          [...Array(answers).keys(), 20].map((id) =>
            sequence(id, id < 20 ? 5 : 5000, id < 20 ? 5 : 0),
          ),
          limits,
          perToken(msPerToken),
        ),
      ).at(-1)![1]
    expect(rows(4, 100 / 39)).toBe(28)
    expect(rows(4, 100 / 41)).toBe(44)
    expect(rows(4, 0.1)).toBe(60)
    // However slow, prompts get somewhere.
    expect([rows(1, 1000), rows(8, 1000), rows(16, 1000)]).toEqual([31, 24, 16])
  })

  it('reads more where a step is dear however little is in it', () => {
    const busy = [sequence(0, 5, 5), sequence(1, 5000, 0)]
    const rows = (fixedMs: number) => sizes(planStep(busy, limits, { fixedMs, msPerToken: 10 }))[1]
    expect(rows(90)).toEqual([1, 31])
    expect(rows(400)).toEqual([1, 47])
    expect(rows(5000)).toEqual([1, 63])
  })

  it('takes a small bite of the first prompt, whose speed nobody knows', () => {
    expect(sizes(planStep([sequence(0, 5000, 0)], limits, null))).toEqual([[0, 32]])
  })

  it('asks for logits only where a token comes out', () => {
    const [part] = planStep([sequence(0, 100, 0)], limits, perToken(1))
    expect([part!.hasAnswer, [...part!.wanted]]).toEqual([false, []])
    const [last] = planStep([sequence(0, 100, 90)], limits, perToken(1))
    expect([last!.hasAnswer, [...last!.wanted]]).toEqual([true, [9]])
  })

  it('puts neighbours in order, or apart', () => {
    const parts = planStep(
      [sequence(2, 5, 5), sequence(0, 3, 4), sequence(1, 2, 2)],
      limits,
      perToken(1),
    )
    expect(arrange(parts, false).map((part) => part.sequence.id)).toEqual([0, 1, 2])
    expect(arrange(parts, true).map((part) => part.sequence.id)).toEqual([2, 1, 0])
  })
})
