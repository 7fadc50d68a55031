import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AppError } from '../../core/errors.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { parseSpeculation, speculationName } from './parse-speculation.ts'
import type { Speculation } from './speculation.ts'

const parse = (text: string) => parseSpeculation(text, resolveModel)

test('drafts are read with their shape', () => {
  expect(parse('off')).toBeNull()
  expect(parse('auto')).toBe('auto')
  expect(parse('mtp:tokens=1,acceptance=0.85')).toMatchObject({ verified: 2, depth: 1, width: 1 })
  expect(parse('eagle:tokens=4,width=4,acceptance=0.6')).toMatchObject({ verified: 17, width: 4 })
  const draft = parse('draft:model=llama-3.2-1b,tokens=3,acceptance=0.5') as Speculation
  expect(draft.model?.name).toBe('Llama-3.2-1B-Instruct')
  expect(speculationName(draft)).toBe('draft, 3 guesses, 1.9 tokens a step')
})

test.each([
  ['eagle', /acceptance is missing/],
  ['eagle:acceptance=1.2', /acceptance is from 0 to 1/],
  ['guess:acceptance=0.5', /none of off, auto/],
  ['draft:acceptance=0.5', /model is missing/],
  ['draft:model=nothing-like-it,acceptance=0.5', /no model/],
  ['ngram:token=3,acceptance=0.5', /"token" is none of/],
])('%s is refused with the reason', (text, reason) => expect(() => parse(text)).toThrow(reason))

test('any text is read or refused with a code', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z:=,.0-9]*$/), (text) => {
      try {
        parse(text)
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(AppError)
      }
    }),
  )
})
