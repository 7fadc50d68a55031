import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findUsage } from './usage.ts'

const usage = { prompt_tokens: 5, completion_tokens: 6, total_tokens: 11 }
const found = { promptTokens: 5, completionTokens: 6, cachedTokens: 0 }
const find = (value: unknown, space?: number) =>
  findUsage(Buffer.from(JSON.stringify(value, null, space)))

describe('usage', () => {
  it('is found behind any content, however it is printed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom(0, 2), (content, space) => {
        expect(find({ choices: [{ message: { content } }], usage }, space)).toEqual(found)
        expect(find({ usage, choices: [{ message: { content } }] }, space)).toEqual(found)
      }),
    )
  })

  it('is not taken from the words of an answer', () => {
    const content = JSON.stringify({ usage: { prompt_tokens: 1e9 } })
    expect(find({ usage, choices: [{ message: { content } }] })).toEqual(found)
    expect(find({ choices: [{ message: { content } }] })).toBeNull()
  })

  it('is a whole number of tokens, whatever an engine says', () => {
    const odd = {
      prompt_tokens: 2.6,
      completion_tokens: -1,
      prompt_tokens_details: { cached_tokens: 'x' },
    }
    expect(find({ usage: odd })).toEqual({ promptTokens: 3, completionTokens: 0, cachedTokens: 0 })
  })

  it.each([['{"usage":null}'], ['{"usage":{'], ['"usage"'], ['{"usage":{"a":1}}'], ['']])(
    'is not in %s',
    (text) => expect(findUsage(Buffer.from(text))).toBeNull(),
  )
})
