import type { Random } from '../../../core/random.ts'
import { drawExponential, drawGamma } from '../statistics/draw.ts'
import { logGamma } from '../../../core/log-gamma.ts'
import { drawClients, type Client, type ClientMix, type RateCurve } from './client-mix.ts'
import { numberOf, type ArrivalInput, type ArrivalProcess } from './arrival-process.ts'

/** Many clients at once. Who sent which is part of it, so `clientArrivals` tells. */
export const clients: ArrivalProcess = {
  name: 'clients',
  summary:
    'Many clients, few of them with most of the load, each with bursts of its own: made up, of --clients FILE, or of a trace that names them',
  parameters: {
    count: { kind: 'number', default: 50, min: 1, max: 10_000, summary: 'clients, made up' },
    skew: {
      kind: 'number',
      default: 1.2,
      min: 0,
      max: 5,
      summary: "Zipf's exponent of their rates (ServeGen: 1.0 to 2.2)",
    },
    cv: {
      kind: 'number',
      default: 1.3,
      min: 0.05,
      max: 20,
      summary: 'median coefficient of variation of their gaps (ServeGen: 1.2 to 1.5)',
    },
    spread: {
      kind: 'number',
      default: 0.8,
      min: 0,
      max: 3,
      summary: 'standard deviation of its logarithm from client to client (ServeGen: 0.7 to 1.0)',
    },
    speed: {
      kind: 'number',
      default: 1,
      min: 0.001,
      max: 100_000,
      summary: 'seconds of the rate curve that pass in one of the run',
    },
  },
  generate: (input) => clientArrivals(input, null).timesMs,
}

/** Times with the number of the client behind each. `mix` null: made up by the parameters. */
export function clientArrivals(
  input: ArrivalInput,
  mix: ClientMix | null,
): { timesMs: Float64Array; clients: readonly Client[]; clientOf: Uint32Array } {
  const number = (name: string) => numberOf(input, name)
  const list =
    mix?.clients ??
    drawClients(number('count'), number('skew'), number('cv'), number('spread'), input.random)
  const total = list.reduce((sum, { weight }) => sum + weight, 0)
  const clock = operationalClock(mix?.curve ?? null, number('speed'), input.durationMs)
  const arrivals: { timeMs: number; client: number }[] = []
  for (const [client, { weight, cv, law }] of list.entries()) {
    const meanGapMs = (1000 * total) / (input.ratePerS * weight)
    const drawGap = gapsOf(law, cv, input.random)
    // From somewhere within a gap: clients do not all begin with the run.
    for (
      let at = input.random() * drawGap() * meanGapMs;
      at < clock.endMs;
      at += drawGap() * meanGapMs
    )
      arrivals.push({ timeMs: clock.timeMs(at), client })
  }
  arrivals.sort((a, b) => a.timeMs - b.timeMs)
  const kept = arrivals.filter(({ timeMs }) => timeMs < input.durationMs)
  return {
    timesMs: Float64Array.from(kept, ({ timeMs }) => timeMs),
    clients: list,
    clientOf: Uint32Array.from(kept, ({ client }) => client),
  }
}

/** Gaps with mean 1. */
function gapsOf(law: Client['law'], cv: number, random: Random): () => number {
  if (law === 'gamma') {
    const shape = 1 / cv ** 2
    return () => drawGamma(shape, random) / shape
  }
  const shape = weibullShape(cv)
  const mean = Math.exp(logGamma(1 + 1 / shape))
  return () => drawExponential(random) ** (1 / shape) / mean
}

/** The shape with this coefficient of variation: cv² + 1 = Γ(1 + 2/k) / Γ(1 + 1/k)², falling in k. */
function weibullShape(cv: number): number {
  let low = 0.05
  let high = 50
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    const ratio = logGamma(1 + 2 / middle) - 2 * logGamma(1 + 1 / middle)
    if (Math.expm1(ratio) > cv ** 2) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Time in which the rate is steady, and back: gaps drawn there follow the curve here. */
function operationalClock(
  curve: RateCurve | null,
  speed: number,
  durationMs: number,
): { endMs: number; timeMs(at: number): number } {
  if (curve === null) return { endMs: durationMs, timeMs: (at) => at }
  const starts = curve.timesMs.map((atMs) => (atMs - curve.timesMs[0]!) / speed)
  const reached: number[] = [0]
  for (let step = 1; step < starts.length; step++)
    reached.push(
      reached[step - 1]! + (starts[step]! - starts[step - 1]!) * curve.factors[step - 1]!,
    )
  const forth = (timeMs: number) => {
    const step = Math.max(
      0,
      starts.findLastIndex((start) => start <= timeMs),
    )
    return reached[step]! + (timeMs - starts[step]!) * curve.factors[step]!
  }
  return {
    endMs: forth(durationMs),
    timeMs(at) {
      const step = Math.max(
        0,
        reached.findLastIndex((value) => value <= at),
      )
      const factor = curve.factors[step]!
      return factor === 0 ? durationMs : starts[step]! + (at - reached[step]!) / factor
    },
  }
}
