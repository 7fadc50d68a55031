import { describe, expect, it } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { readRow } from '../predict/row.ts'
import { readScenario } from '../predict/read-scenario.ts'
import { steadyState } from './steady-state.ts'

const with_ = (users: number) => {
  const scenario = readScenario(
    {
      ...readRow({
        engine: 'embedded',
        model: 'tinyllama',
        gpu: 'AMD EPYC 9654',
        precision: 'int4',
      }),
      isl: 200,
      osl: 8,
      load: String(users),
    },
    engineModels,
  )
  if ('reason' in scenario) throw new Error(scenario.reason)
  return steadyState(scenario)
}

describe('a processor whose prompts take most of the time', () => {
  it('makes answers wait for the prompts of the other users', () => {
    const [one, two, four] = [1, 2, 4].map(with_)
    expect(two!.tpotMs).toBeGreaterThan(one!.tpotMs * 1.5)
    expect(four!.tpotMs).toBeGreaterThan(two!.tpotMs * 1.3)
  })

  it('never has more prompts before one than there are users', () => {
    const [one, eight] = [1, 8].map(with_)
    expect(eight!.ttftMs).toBeLessThan(one!.ttftMs * 8 * 1.5)
  })
})
