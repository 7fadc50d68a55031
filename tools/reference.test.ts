import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { catalogue } from '../src/core/errors.ts'
import { pages } from './reference.ts'

describe('docs/reference', () => {
  it.each(Object.entries(pages))('%s is what the code says', async (path, write) => {
    expect(readFileSync(path, 'utf8'), 'run `node tools/reference.ts`').toBe(await write())
  })

  it('lists every error code once', () => {
    const path = Object.keys(pages).find((one) => one.endsWith('errors.md')) ?? ''
    const listed = [...readFileSync(path, 'utf8').matchAll(/^\| `([^`]+)` \| \d/gm)]
    expect(listed.map(([, code = '']) => code).toSorted()).toEqual(
      Object.keys(catalogue).toSorted(),
    )
  })
})
