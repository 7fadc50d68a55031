import { numberOf, type ArrivalProcess } from './arrival-process.ts'
import { varyingPoisson } from './varying-rate.ts'

export const ramp: ArrivalProcess = {
  name: 'ramp',
  summary: 'Poisson whose rate rises (or falls) in a straight line to the given rate at the end',
  parameters: {
    from: {
      kind: 'number',
      default: 0,
      min: 0,
      summary: 'rate at the start, as a share of the given rate',
    },
  },
  generate(input) {
    const from = numberOf(input, 'from')
    const { ratePerS, durationMs } = input
    return varyingPoisson(
      input,
      ratePerS * Math.max(1, from),
      (timeMs) => ratePerS * (from + ((1 - from) * timeMs) / durationMs),
    )
  },
}
