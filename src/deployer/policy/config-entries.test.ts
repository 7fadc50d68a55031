import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import { planConfig, type ConfigState } from './config-entries.ts'

const entry = (name: string, hash = `hash-${name}`) => ({
  spec: deploymentSpec.parse({ name, model: 'm' }),
  hash,
})

const plan = (changes: Partial<ConfigState>) => {
  const made = planConfig({
    entries: null,
    applied: new Map(),
    existing: new Set(),
    defaults: [entry('default')],
    ...changes,
  })
  return made && { ...made, put: made.put.map((spec) => spec.name) }
}

describe('config entries', () => {
  it('are applied when new, edited or taken out, and else left as the API made them', () => {
    const made = plan({
      entries: [entry('same'), entry('edited'), entry('new')],
      applied: new Map([
        ['same', 'hash-same'],
        ['edited', 'before'],
        ['taken-out', 'x'],
        ['deleted', 'x'],
      ]),
      existing: new Set(['same', 'edited', 'taken-out', 'made-by-api']),
    })
    expect(made).toEqual({
      put: ['edited', 'new'],
      remove: ['taken-out'],
      applied: [
        { name: 'same', hash: 'hash-same' },
        { name: 'edited', hash: 'hash-edited' },
        { name: 'new', hash: 'hash-new' },
      ],
    })
  })

  it('change nothing when the file is as it was, also for what was deleted since', () => {
    const applied = new Map([['ant', 'hash-ant']])
    expect(plan({ entries: [entry('ant')], applied, existing: new Set() })).toBeNull()
  })

  it('give a first start the defaults, once', () => {
    expect(plan({})?.put).toEqual(['default'])
    expect(plan({ applied: new Map([['default', 'x']]) })).toBeNull()
    expect(plan({ existing: new Set(['made-by-api']) })).toBeNull()
  })

  it('may say that there shall be none', () => {
    expect(plan({ entries: [] })).toBeNull()
    const applied = new Map([['default', 'x']])
    expect(plan({ entries: [], applied, existing: new Set(['default']) })?.remove).toEqual([
      'default',
    ])
  })
})
