import { drawExponential } from '../statistics/draw.ts'
import type { ArrivalProcess } from './arrival-process.ts'
import { renewal } from './renewal.ts'

export const poisson: ArrivalProcess = {
  name: 'poisson',
  summary: 'Independent users: exponential gaps, the number of requests varies too',
  parameters: {
    count: {
      kind: 'choice',
      choices: ['random', 'exact'],
      default: 'random',
      summary: 'exact: rate × duration requests at independent times, whose counts vary less',
    },
  },
  generate(input) {
    const { ratePerS, durationMs, random, parameters } = input
    if (parameters['count'] !== 'exact') return renewal(input, () => drawExponential(random))
    const count = Math.round((durationMs / 1000) * ratePerS)
    return Float64Array.from({ length: count }, () => random() * durationMs).sort()
  },
}
