import { describe, expect, it } from 'vitest'
import { nextStep } from './adapters.ts'

describe('adapters that are taken while it runs', () => {
  const sql = { name: 'sql', path: '/sql-2' }
  const law = { name: 'law', path: '/law' }
  const taken = (all: Record<string, string>) => new Map(Object.entries(all))

  it('are taken one after another, in the order of the settings', () => {
    expect(nextStep([sql, law], taken({}))).toEqual({ kind: 'load', adapter: sql })
    expect(nextStep([sql, law], taken({ sql: '/sql-2' }))).toEqual({ kind: 'load', adapter: law })
    expect(nextStep([sql, law], taken({ law: '/law', sql: '/sql-2' }))).toBeNull()
  })

  it('are let go first, also where one of the same name comes from elsewhere', () => {
    expect(nextStep([law], taken({ sql: '/sql-2' }))).toEqual({ kind: 'unload', name: 'sql' })
    expect(nextStep([sql, law], taken({ sql: '/sql-1' }))).toEqual({ kind: 'unload', name: 'sql' })
    expect(nextStep([], taken({}))).toBeNull()
  })
})
