import { describe, expect, it } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { layoutOf } from '../step/layout.fixture.ts'
import { coefficientsOf } from './coefficients.ts'
import { correctionKeys, everyEngine } from './correction.ts'

const layout = layoutOf('mixtral-8x7b')
const kernel = `${everyEngine}kernel bf16 experts on hopper`

describe('correctionKeys', () => {
  it.each(engineModels.map((engine) => [engine.name, engine] as const))(
    'says of steps under %s what all engines share',
    (_, engine) => {
      expect(correctionKeys({ engine, layout, version: '' }, 'step')).toContain(kernel)
      expect(correctionKeys({ engine, layout, version: '' }, 'firstToken')).not.toContain(kernel)
    },
  )

  it('adds up what is the engine’s own and what all share', () => {
    const [own = ''] = correctionKeys({ engine: engineModels[0]!, layout, version: '' }, 'step')
    const engine = {
      ...engineModels[0]!,
      fitted: { ...engineModels[0]!.fitted, stepCorrections: { [own]: 0.1, [kernel]: 0.2 } },
    }
    const { stepFactor } = coefficientsOf({ engine, layout, version: '' })
    expect(stepFactor).toBeCloseTo(Math.exp(0.3), 9)
  })
})
