import { drawExponential } from '../statistics/draw.ts'
import { numberOf, type ArrivalProcess } from './arrival-process.ts'
import { varyingPoisson } from './varying-rate.ts'

export const onOff: ArrivalProcess = {
  name: 'on-off',
  summary: 'Busy and quiet spells of random length (a two-state Markov-modulated Poisson process)',
  parameters: {
    on: { kind: 'duration', default: 10_000, min: 1, summary: 'mean length of a busy spell' },
    off: { kind: 'duration', default: 10_000, min: 1, summary: 'mean length of a quiet spell' },
    idle: {
      kind: 'number',
      default: 0,
      min: 0,
      max: 1,
      summary: 'rate while quiet, as a share of the rate while busy',
    },
  },
  generate(input) {
    const [onMs, offMs, idle] = ['on', 'off', 'idle'].map((name) => numberOf(input, name)) as [
      number,
      number,
      number,
    ]
    const busyRate = (input.ratePerS * (onMs + offMs)) / (onMs + idle * offMs)
    let isOn = input.random() < onMs / (onMs + offMs)
    let changesAtMs = drawExponential(input.random) * (isOn ? onMs : offMs)
    return varyingPoisson(input, busyRate, (timeMs) => {
      while (timeMs >= changesAtMs) {
        isOn = !isOn
        changesAtMs += drawExponential(input.random) * (isOn ? onMs : offMs)
      }
      return isOn ? busyRate : busyRate * idle
    })
  },
}
