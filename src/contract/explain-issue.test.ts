import { expect, it } from 'vitest'
import { z } from 'zod'
import { explainIssue } from './explain-issue.ts'

const auto = z.union([z.literal('auto'), z.int().min(1)])

it.each([
  [z.int(), 'x', '', 'expected number, received string'],
  [z.object({ size: auto }), { size: 'x' }, 'size', /^expected "auto" or \w+, received string$/],
  [z.object({ size: auto }), { size: 0 }, 'size', 'expected number to be >=1'],
  [z.enum(['a', 'b']), 'c', '', 'expected one of "a"|"b"'],
  [z.union([z.enum(['a', 'b']), z.array(z.string())]), ['a', 1], '1', /^expected string/],
  [z.strictObject({}), { more: 1 }, '', 'Unrecognized key: "more"'],
  [z.string().refine(() => false, 'write it otherwise'), 'x', '', 'write it otherwise'],
])('%#: what is wrong, and where', (schema, value, param, text) => {
  const [issue] = z.safeParse(schema, value).error!.issues
  const told = explainIssue(issue!)
  expect(told.param).toBe(param)
  expect(told.text).toMatch(
    typeof text === 'string' ? new RegExp(`^${RegExp.escape(text)}$`) : text,
  )
})
