import { numberOf, type ArrivalProcess } from './arrival-process.ts'
import { varyingPoisson } from './varying-rate.ts'

export const step: ArrivalProcess = {
  name: 'step',
  summary: 'Poisson in equal stairs, the last one at the given rate',
  parameters: {
    steps: { kind: 'number', default: 5, min: 1, max: 1000, summary: 'number of stairs' },
  },
  generate(input) {
    const steps = Math.round(numberOf(input, 'steps'))
    const { ratePerS, durationMs } = input
    return varyingPoisson(
      input,
      ratePerS,
      (timeMs) => (ratePerS * (Math.floor((timeMs / durationMs) * steps) + 1)) / steps,
    )
  },
}
