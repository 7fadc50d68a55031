import { describe, expect, it } from 'vitest'
import { chooseSequence, type FreeSequence } from './choose-sequence.ts'

const nowMs = 1e9
const range = (from: number, length: number): number[] =>
  Array.from({ length }, (_, index) => from + index)
const free = (id: number, tokens: readonly number[], usedMs = nowMs): FreeSequence => ({
  id,
  tokens,
  usedMs,
})
const system = range(1, 40)
const prompt = Uint32Array.from([...system, ...range(500, 20)])

describe('the sequence for a prompt', () => {
  it('is none where none is free', () => {
    expect(chooseSequence([], prompt, nowMs)).toBeNull()
  })

  it('is the one that knows most of it', () => {
    const knowing = free(1, [...system, ...range(500, 10)])
    expect(chooseSequence([free(0, system), knowing], prompt, nowMs)).toEqual({
      id: 1,
      reusable: 50,
    })
  })

  it('never reuses the last token: its logits are needed', () => {
    expect(chooseSequence([free(0, [...prompt, 7])], prompt, nowMs)?.reusable).toBe(59)
  })

  it('is the lowest of equals', () => {
    expect(chooseSequence([free(2, []), free(1, []), free(3, [])], prompt, nowMs)?.id).toBe(1)
  })

  it('is an empty one rather than a fresh conversation with the same system line', () => {
    const conversation = free(0, [...system, ...range(900, 200)])
    expect(chooseSequence([conversation, free(1, [])], prompt, nowMs)).toEqual({
      id: 1,
      reusable: 0,
    })
  })

  it('is that conversation once it is old', () => {
    const conversation = free(0, [...system, ...range(900, 200)], nowMs - 3_600_000)
    expect(chooseSequence([conversation, free(1, [])], prompt, nowMs)?.id).toBe(0)
  })
})
