import type { ArrivalInput } from './arrival-process.ts'
import { createGrowing } from './growing.ts'

/** Independent gaps. `drawGap` has mean 1 and is scaled to the rate; nothing is rescaled afterwards. */
export function renewal(input: ArrivalInput, drawGap: () => number): Float64Array {
  const meanGapMs = 1000 / input.ratePerS
  const times = createGrowing(input.durationMs / meanGapMs + 64)
  for (let time = drawGap() * meanGapMs; time < input.durationMs; time += drawGap() * meanGapMs)
    times.push(time)
  return times.finish()
}
