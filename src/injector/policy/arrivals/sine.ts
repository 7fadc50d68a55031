import { numberOf, type ArrivalProcess } from './arrival-process.ts'
import { varyingPoisson } from './varying-rate.ts'

export const sine: ArrivalProcess = {
  name: 'sine',
  summary: 'Poisson whose rate swings about the given one, like day and night',
  parameters: {
    period: { kind: 'duration', default: 60_000, min: 1, summary: 'length of one swing' },
    amplitude: {
      kind: 'number',
      default: 0.5,
      min: 0,
      max: 1,
      summary: 'greatest change, as a share of the rate',
    },
  },
  generate(input) {
    const periodMs = numberOf(input, 'period')
    const amplitude = numberOf(input, 'amplitude')
    const { ratePerS } = input
    return varyingPoisson(
      input,
      ratePerS * (1 + amplitude),
      (timeMs) => ratePerS * (1 + amplitude * Math.sin((2 * Math.PI * timeMs) / periodMs)),
    )
  },
}
