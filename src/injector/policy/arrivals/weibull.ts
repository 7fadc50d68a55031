import { drawExponential } from '../statistics/draw.ts'
import { logGamma } from '../../../core/log-gamma.ts'
import { numberOf, type ArrivalProcess } from './arrival-process.ts'
import { renewal } from './renewal.ts'

export const weibull: ArrivalProcess = {
  name: 'weibull',
  summary: 'Heavy-tailed gaps, as in many recorded client traces',
  parameters: {
    shape: {
      kind: 'number',
      default: 0.6,
      min: 0.05,
      max: 50,
      summary: 'below 1: bursts and long pauses; 1: Poisson; above 1: more even',
    },
  },
  generate(input) {
    const shape = numberOf(input, 'shape')
    const mean = Math.exp(logGamma(1 + 1 / shape))
    return renewal(input, () => drawExponential(input.random) ** (1 / shape) / mean)
  },
}
