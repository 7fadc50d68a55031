import { describe, expect, it } from 'vitest'
import { defaultFirstToken, defaultStep } from '../planner/load/default-coefficients.ts'
import { engineModels } from './models.ts'

describe.each(engineModels.map((engine) => [engine.name, engine] as const))('%s', (_, engine) => {
  it('carries a fit that says where it comes from', () => {
    expect(engine.fitted.provenance).toMatch(/fit\.ts: \d+ published runs|^Not fitted/)
    expect(engine.fitted.eras[0]?.from).toBe('0')
  })

  it('has every coefficient, all above zero where runs were learnt from', () => {
    const isFitted = engine.fitted.measured.length > 0
    for (const era of engine.fitted.eras) {
      expect(Object.keys(era.step).toSorted()).toEqual(Object.keys(defaultStep).toSorted())
      expect(Object.keys(era.firstToken).toSorted()).toEqual(
        Object.keys(defaultFirstToken).toSorted(),
      )
      for (const value of [...Object.values(era.step), ...Object.values(era.firstToken)])
        expect(value).toBeGreaterThanOrEqual(isFitted ? Number.MIN_VALUE : 0)
    }
  })

  it('is surer of what it has seen, and least sure of what it has never seen', () => {
    for (const bars of Object.values(engine.fitted.errorBars))
      for (const bar of Object.values(bars)) {
        expect(bar.known).toBeGreaterThan(0)
        expect(bar.partly).toBeGreaterThanOrEqual(bar.known)
        expect(bar.unknown).toBeGreaterThan(bar.partly)
      }
  })

  it('names its knobs once', () => {
    const names = engine.knobs.map((knob) => knob.name)
    expect(new Set(names).size).toBe(names.length)
  })
})
