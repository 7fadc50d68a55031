import { describe, expect, it } from 'vitest'
import { cohortTarget, type Asker } from './cohort.ts'

const asker = (changes: Partial<Asker> = {}, headers: Record<string, string> = {}): Asker => ({
  keyId: 'key_1',
  keyName: 'team',
  user: null,
  header: (name) => headers[name],
  ...changes,
})

const targets = (cohort: { keys?: string[]; header?: object | null; users?: number }) => [
  { deployment: 'ant', cohort: { keys: [], header: null, users: 0, ...cohort } as never },
  { deployment: 'ant', cohort: null },
]

describe('cohortTarget', () => {
  it('knows keys by id and by name', () => {
    expect(cohortTarget(targets({ keys: ['key_1'] }), asker())).toBe(0)
    expect(cohortTarget(targets({ keys: ['team'] }), asker())).toBe(0)
    expect(cohortTarget(targets({ keys: ['key_2'] }), asker())).toBe(-1)
  })

  it('reads a header, with any value or one of those named', () => {
    const any = targets({ header: { name: 'x-beta', values: [] } })
    const some = targets({ header: { name: 'x-beta', values: ['yes'] } })
    expect(cohortTarget(any, asker({}, { 'x-beta': 'no' }))).toBe(0)
    expect(cohortTarget(any, asker())).toBe(-1)
    expect(cohortTarget(some, asker({}, { 'x-beta': 'yes' }))).toBe(0)
    expect(cohortTarget(some, asker({}, { 'x-beta': 'no' }))).toBe(-1)
  })

  it('takes a share of the users, the same ones each time, by key where no user is named', () => {
    const few = targets({ users: 0.1 })
    const users = Array.from({ length: 5000 }, (_, at) => asker({ user: `user-${at}` }))
    const chosen = users.filter((one) => cohortTarget(few, one) === 0)
    expect(chosen.length / users.length).toBeGreaterThan(0.08)
    expect(chosen.length / users.length).toBeLessThan(0.12)
    expect(users.filter((one) => cohortTarget(few, one) === 0)).toEqual(chosen)
    const more = targets({ users: 0.3 })
    expect(chosen.every((one) => cohortTarget(more, one) === 0)).toBe(true)
    const keys = Array.from({ length: 1000 }, (_, at) => asker({ keyId: `key_${at}` }))
    expect(keys.some((one) => cohortTarget(few, one) === 0)).toBe(true)
  })

  it('is another company of users for another deployment', () => {
    const other = targets({ users: 0.5 }).map((one) => ({ ...one, deployment: 'bee' }))
    const users = Array.from({ length: 200 }, (_, at) => asker({ user: `user-${at}` }))
    const same = users.filter(
      (one) => cohortTarget(other, one) === cohortTarget(targets({ users: 0.5 }), one),
    )
    expect(same.length).toBeGreaterThan(60)
    expect(same.length).toBeLessThan(140)
  })
})
