import { expect, it } from 'vitest'
import { createId, createSuffix } from './id.ts'

it('makes ids that differ, behind their prefix', () => {
  const ids = Array.from({ length: 1000 }, () => createId('req'))
  expect(new Set(ids).size).toBe(1000)
  for (const id of ids) expect(id).toMatch(/^req_[0-9a-f]{32}$/)
})

it('makes suffixes without letters and digits that look alike', () => {
  const suffixes = Array.from({ length: 1000 }, () => createSuffix())
  expect(new Set(suffixes).size).toBeGreaterThan(990)
  for (const suffix of suffixes) expect(suffix).toMatch(/^[a-hjkmnp-z2-9]{6}$/)
  expect(createSuffix(12)).toHaveLength(12)
})
