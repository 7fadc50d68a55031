import { numberOf, type ArrivalProcess } from './arrival-process.ts'
import { varyingPoisson } from './varying-rate.ts'

export const spike: ArrivalProcess = {
  name: 'spike',
  summary: 'Poisson at the given rate with one sudden burst on top',
  parameters: {
    factor: {
      kind: 'number',
      default: 5,
      min: 0,
      max: 10_000,
      summary: 'rate inside the spike over the rate outside',
    },
    at: {
      kind: 'number',
      default: 0.5,
      min: 0,
      max: 1,
      summary: 'start, as a share of the duration',
    },
    width: {
      kind: 'number',
      default: 0.1,
      min: 0,
      max: 1,
      summary: 'length, as a share of the duration',
    },
  },
  generate(input) {
    const factor = numberOf(input, 'factor')
    const { ratePerS, durationMs } = input
    const fromMs = numberOf(input, 'at') * durationMs
    const toMs = fromMs + numberOf(input, 'width') * durationMs
    return varyingPoisson(input, ratePerS * Math.max(1, factor), (timeMs) =>
      timeMs >= fromMs && timeMs < toMs ? ratePerS * factor : ratePerS,
    )
  },
}
