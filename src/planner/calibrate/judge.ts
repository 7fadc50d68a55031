import { AppError } from '../../core/errors.ts'
import { steadyState } from '../load/steady-state.ts'
import { conditionOf, type Figure, figures, type Observation } from './observation.ts'

export interface Judged {
  readonly observations: readonly Observation[]
  /** What was left out, and why. */
  readonly notes: readonly string[]
}

/** Runs that a calibration can learn from. Errors: `planner/bad-calibration`, with the reason. */
export function judge(given: readonly Observation[]): Judged {
  const notes: string[] = []
  const observations = given.flatMap((one) => {
    const sane = withoutNonsense(one, notes)
    return sane ? [sane] : []
  })
  const conditions = new Set(observations.map(conditionOf))
  if (observations.length < 3 || conditions.size < 2)
    throw bad(
      `${observations.length} usable ${observations.length === 1 ? 'run' : 'runs'} of ${conditions.size} ${conditions.size === 1 ? 'condition' : 'conditions'}: a calibration needs three runs of at least two loads or lengths${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`,
      'Inject at two or three rates, or with more users, and give all of the reports.',
    )
  refuseContradictions(observations)
  refuseOtherUnits(observations)
  return { observations, notes }
}

/** Null where nothing of the run can be used. */
function withoutNonsense(observation: Observation, notes: string[]): Observation | null {
  const { measured, label, scenario } = observation
  const kept: Record<Figure, number | null> = { ...measured }
  for (const figure of figures) {
    const value = kept[figure]
    if (value === null || (Number.isFinite(value) && value > 0)) continue
    kept[figure] = null
    notes.push(`${label}: ${figure} is ${value}`)
  }
  const { tpot, ttft, throughput } = kept
  if (scenario.load.kind === 'closed' && tpot !== null && ttft !== null && throughput !== null) {
    // Little's law: as many are in flight as arrive while one is served.
    const inFlight = ((throughput / scenario.osl) * (ttft + tpot * (scenario.osl - 1))) / 1e3
    if (inFlight > 1.5 * scenario.load.concurrency) {
      kept.throughput = null
      notes.push(
        `${label}: at this throughput ${inFlight.toPrecision(3)} requests would be in flight, not ${scenario.load.concurrency}; does it count prompts? It is left out`,
      )
    }
  }
  const isUsable = figures.some((figure) => kept[figure] !== null)
  if (!isUsable) notes.push(`${label}: no result`)
  return isUsable ? { ...observation, measured: kept } : null
}

/** The same run twice may differ by what machines differ by from day to day, not by half. */
const mostBetweenLikes = 1.6

function refuseContradictions(observations: readonly Observation[]): void {
  for (const figure of ['tpot', 'ttft', 'throughput'] as const) {
    const seen = new Map<string, Observation[]>()
    for (const one of observations) {
      if (one.measured[figure] === null) continue
      const condition = conditionOf(one)
      seen.set(condition, [...(seen.get(condition) ?? []), one])
    }
    for (const likes of seen.values()) {
      const sorted = likes.toSorted((a, b) => a.measured[figure]! - b.measured[figure]!)
      const [least, most] = [sorted[0]!, sorted.at(-1)!]
      const ratio = most.measured[figure]! / least.measured[figure]!
      const limit = figure === 'ttft' ? mostBetweenLikes ** 2 : mostBetweenLikes
      if (ratio > limit)
        throw bad(
          `${least.label} and ${most.label} are the same run, yet their ${figure} differs ${ratio.toPrecision(2)}-fold (${short(least.measured[figure]!)} and ${short(most.measured[figure]!)})`,
          'Find out what was different between them, or leave the wrong one out.',
        )
    }
  }
}

/** No device is a hundred times other than its data sheet; a unit is a thousand. */
function refuseOtherUnits(observations: readonly Observation[]): void {
  const states = observations.map(({ scenario }) => steadyState(scenario))
  const predicted = {
    tpot: states.map(({ tpotMs }) => tpotMs),
    ttft: states.map(({ ttftMs }) => ttftMs),
    throughput: states.map(({ outputTokensPerSecond }) => outputTokensPerSecond),
  }
  for (const figure of ['tpot', 'ttft', 'throughput'] as const) {
    const ratios = observations
      .flatMap(({ measured }, at) =>
        measured[figure] === null ? [] : [measured[figure] / predicted[figure][at]!],
      )
      .sort((a, b) => a - b)
    const middle = ratios[ratios.length >> 1]
    if (middle === undefined || (middle > 1 / 100 && middle < 100)) continue
    const unit =
      figure === 'throughput'
        ? 'output tokens a second'
        : `milliseconds${middle < 1 ? '; these look like seconds' : '; these look like microseconds, or were taken while the machine was busy with other things'}`
    throw bad(
      `${figure} is ${middle < 1 ? `${short(1 / middle)} times less` : `${short(middle)} times more`} than anything like it; it has to be in ${unit}`,
    )
  }
}

const short = (value: number): string => String(Number(value.toPrecision(3)))

const bad = (message: string, hint?: string): AppError =>
  new AppError('planner/bad-calibration', hint === undefined ? { message } : { message, hint })
