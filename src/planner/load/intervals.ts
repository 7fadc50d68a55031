import type { HalfWidths } from './calibrated-bars.ts'
import type { Scenario } from './scenario.ts'
import { type SteadyState, steadyState } from './steady-state.ts'

export type Figure = keyof HalfWidths
export type Intervals = Readonly<Record<Figure, readonly [low: number, high: number]>>

/** As many requests as were asked for did not come: published runs of open loops are off by this in throughput. */
const offeredBar = 0.02

/**
 * The 80 % interval of each figure. Under an open loop an engine that is a little slower has more to do at a time, which makes
 * it slower still: what the closed form says of an engine slower and faster by the error bar of its steps goes into the
 * interval, which grows without bound toward saturation, as the truth does.
 */
export function intervalsOf(scenario: Scenario, state: SteadyState, bars: HalfWidths): Intervals {
  if (scenario.load.kind !== 'open')
    return around(state, (figure) => [bars[figure], bars[figure]] as const)
  const pace = scenario.pace ?? 1
  const slow = valuesOf(steadyState({ ...scenario, pace: pace * Math.exp(bars.tpot) }))
  const fast = valuesOf(steadyState({ ...scenario, pace: pace * Math.exp(-bars.tpot) }))
  const now = valuesOf(state)
  return around(state, (figure) => {
    const shifts = [slow, fast].map((other) => Math.log(other[figure] / now[figure]))
    const down = Math.max(0, -Math.min(...shifts))
    const up = Math.max(0, ...shifts)
    // The shift has the error of the step in it, and throughput is what was offered.
    if (figure === 'tpot') return [Math.max(bars.tpot, down), Math.max(bars.tpot, up)]
    const own = figure === 'throughput' ? offeredBar : bars[figure]
    return [Math.hypot(own, down), Math.hypot(own, up)]
  })
}

type Values = Readonly<Record<Figure, number>>

const valuesOf = (state: SteadyState): Values => ({
  tpot: state.tpotMs,
  ttft: state.ttftMs,
  e2e: state.e2eMs,
  throughput: state.outputTokensPerSecond,
})

function around(
  state: SteadyState,
  widths: (figure: Figure) => readonly [down: number, up: number],
): Intervals {
  const values = valuesOf(state)
  const one = (figure: Figure) => {
    const [down, up] = widths(figure)
    return [values[figure] * Math.exp(-down), values[figure] * Math.exp(up)] as const
  }
  return { tpot: one('tpot'), ttft: one('ttft'), e2e: one('e2e'), throughput: one('throughput') }
}
