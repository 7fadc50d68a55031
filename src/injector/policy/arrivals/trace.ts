import type { ArrivalInput, ArrivalProcess } from './arrival-process.ts'

/** The times of a recording. Which request comes when is part of the trace, so scaling keeps `tracePositions`. */
export const trace: ArrivalProcess = {
  name: 'trace',
  summary: 'Recorded times (--trace FILE), as they were or scaled to a rate',
  parameters: {
    scale: {
      kind: 'choice',
      choices: ['none', 'time', 'rate'],
      default: 'none',
      summary:
        'time: stretch or squeeze to --rate; rate: leave requests out (or repeat them) and keep the pace of bursts',
    },
  },
  generate: (input) => traceArrivals(input).timesMs,
}

/** Times with, for each, the index of the recorded request behind it. */
export function traceArrivals(input: ArrivalInput): {
  timesMs: Float64Array
  positions: Uint32Array
} {
  const recorded = input.recordedMs ?? new Float64Array()
  const pairs =
    input.parameters['scale'] === 'time'
      ? stretched(recorded, meanRatePerS(recorded) / input.ratePerS)
      : input.parameters['scale'] === 'rate'
        ? resampled(recorded, input.ratePerS / meanRatePerS(recorded), input.random)
        : stretched(recorded, 1)
  const kept = pairs.filter(([timeMs]) => timeMs < input.durationMs)
  return {
    timesMs: Float64Array.from(kept, ([timeMs]) => timeMs),
    positions: Uint32Array.from(kept, ([, position]) => position),
  }
}

/** Requests a second over the span of the recording. */
function meanRatePerS(recordedMs: Float64Array): number {
  const spanMs = (recordedMs.at(-1) ?? 0) - (recordedMs[0] ?? 0)
  return spanMs > 0 ? ((recordedMs.length - 1) * 1000) / spanMs : 1
}

type Pair = readonly [timeMs: number, position: number]

const stretched = (recorded: Float64Array, factor: number): Pair[] =>
  Array.from(recorded, (timeMs, position) => [(timeMs - (recorded[0] ?? 0)) * factor, position])

/** Thinning below 1; above 1 every request comes as often as the factor says, on average. */
function resampled(recorded: Float64Array, factor: number, random: () => number): Pair[] {
  const pairs: Pair[] = []
  for (const pair of stretched(recorded, 1)) {
    const copies = Math.floor(factor) + (random() < factor % 1 ? 1 : 0)
    for (let copy = 0; copy < copies; copy++) pairs.push(pair)
  }
  return pairs
}
