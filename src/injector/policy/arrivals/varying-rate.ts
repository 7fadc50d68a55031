import { drawExponential } from '../statistics/draw.ts'
import type { ArrivalInput } from './arrival-process.ts'
import { createGrowing } from './growing.ts'

/** Poisson with a rate that changes over time, by thinning (Lewis and Shedler 1979). */
export function varyingPoisson(
  input: ArrivalInput,
  rateMaxPerS: number,
  rateAt: (timeMs: number) => number,
): Float64Array {
  const times = createGrowing((input.durationMs / 1000) * rateMaxPerS + 64)
  if (rateMaxPerS <= 0) return times.finish()
  const meanGapMs = 1000 / rateMaxPerS
  for (
    let time = drawExponential(input.random) * meanGapMs;
    time < input.durationMs;
    time += drawExponential(input.random) * meanGapMs
  )
    if (input.random() * rateMaxPerS < rateAt(time)) times.push(time)
  return times.finish()
}
