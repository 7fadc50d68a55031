import { drawGamma } from '../statistics/draw.ts'
import { numberOf, type ArrivalProcess } from './arrival-process.ts'
import { renewal } from './renewal.ts'

export const gamma: ArrivalProcess = {
  name: 'gamma',
  summary:
    'Bursts: gamma gaps with a chosen coefficient of variation (1: Poisson; vLLM burstiness 1/cv²)',
  parameters: {
    cv: {
      kind: 'number',
      default: 2,
      min: 0.01,
      max: 100,
      summary: 'standard deviation of the gaps over their mean',
    },
  },
  generate(input) {
    const shape = 1 / numberOf(input, 'cv') ** 2
    return renewal(input, () => drawGamma(shape, input.random) / shape)
  },
}
