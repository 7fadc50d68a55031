import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { mutations } from './mutations.ts'

it.each(mutations)('"$flaw" can still be built in', ({ file, find, put }) => {
  const text = readFileSync(join(import.meta.dirname, '../..', file), 'utf8')
  expect(text.split(find)).toHaveLength(2)
  expect(put).not.toBe(find)
})
