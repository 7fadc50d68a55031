/** One axis of a chart: where a value lies, and what is written beside it. */
export interface Axis {
  /** In pixels, rounded to a tenth. */
  readonly at: (value: number) => number
  readonly ticks: readonly { readonly value: number; readonly label: string }[]
  readonly low: number
  readonly high: number
  readonly isLog: boolean
}

/** From 0, or below where values are, up to a round value. */
export function linearAxis(
  values: readonly number[],
  from: number,
  to: number,
  most?: number,
): Axis {
  const steps = roundSteps(least(values, 0), most ?? greatest(values))
  return {
    ...axis(steps[0]!, steps.at(-1)!, from, to, (value) => value),
    ticks: steps.map((value) => ({ value, label: formatTick(value) })),
    isLog: false,
  }
}

/** Powers of ten, with 2 and 5 between where there is room. Values of 0 and below are no part of it. */
export function logAxis(values: readonly number[], from: number, to: number): Axis {
  const positive = values.filter((value) => value > 0)
  const low = least(positive, Infinity)
  const high = Math.max(greatest(positive), low * 1.01)
  const decades = Math.log10(high / low)
  const factors = decades > 4 ? [1] : [1, 2, 5]
  const steps: number[] = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const factor of factors) steps.push(factor * 10 ** power)
  const first = steps.findLastIndex((value) => value <= low * 1.0001)
  const last = steps.findIndex((value) => value >= high * 0.9999)
  const kept = steps.slice(Math.max(0, first), last === -1 ? undefined : last + 1)
  return {
    ...axis(kept[0]!, kept.at(-1)!, from, to, Math.log10),
    ticks: kept.map((value) => ({ value, label: formatTick(value) })),
    isLog: true,
  }
}

/** Marks given by the caller, evenly spread values between them. */
export function namedAxis(ticks: Axis['ticks'], from: number, to: number): Axis {
  return {
    ...axis(ticks[0]!.value, ticks.at(-1)!.value, from, to, (value) => value),
    ticks,
    isLog: false,
  }
}

/** A wide spread is only to be seen on a log axis. */
export const isWide = (values: readonly number[]): boolean => {
  const positive = values.filter((value) => value > 0).toSorted((a, b) => a - b)
  const middle = positive[Math.floor(positive.length / 2)]
  return middle !== undefined && positive.at(-1)! > 20 * middle
}

export function formatTick(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`
  return String(Number(value.toPrecision(4)))
}

export const round = (value: number): number => Math.round(value * 10) / 10

function axis(
  low: number,
  high: number,
  from: number,
  to: number,
  scale: (value: number) => number,
): Pick<Axis, 'at' | 'low' | 'high'> {
  const start = scale(low)
  const span = scale(high) - start || 1
  return {
    low,
    high,
    at: (value) =>
      round(from + ((scale(Math.min(high, Math.max(low, value))) - start) / span) * (to - from)),
  }
}

/** Round values that cover the range. */
function roundSteps(low: number, high: number): number[] {
  const span = high - low || Math.abs(high) || 1
  const magnitude = 10 ** Math.floor(Math.log10(span / 5))
  const step = [1, 2, 5, 10].find((factor) => span / (factor * magnitude) <= 6)! * magnitude
  const first = Math.floor(low / step)
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9))
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step)
}

/** Without spreading: a run has more values than a call may have arguments. */
const least = (values: readonly number[], start: number): number =>
  values.reduce((smallest, value) => Math.min(smallest, value), start)
const greatest = (values: readonly number[]): number =>
  values.reduce((largest, value) => Math.max(largest, value), -Infinity)
