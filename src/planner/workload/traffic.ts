import { AppError } from '../../core/errors.ts'
import type { SloTarget } from './slo.ts'
import type { TokenLength, Workload } from './workload.ts'

/** Requests that were made, whoever wrote them down. */
export interface Traffic {
  readonly name: string
  readonly source: string
  /** When each came, ms, ascending. */
  readonly timesMs: ArrayLike<number>
  readonly inputTokens: ArrayLike<number>
  readonly outputTokens: ArrayLike<number>
  /** Tokens of each prompt that an earlier request had as well; null: not recorded. */
  readonly sharedTokens: ArrayLike<number> | null
}

/** A workload like what was recorded, and how often requests came. */
export interface TrafficWorkload {
  readonly workload: Workload
  readonly meanRps: number
  /** In the busiest minute, or over all where it is shorter. */
  readonly peakRps: number
}

/** Errors: `planner/bad-request` for traffic that says nothing of lengths. */
export function workloadOfTraffic(
  { name, source, timesMs, inputTokens, outputTokens, sharedTokens }: Traffic,
  slo: readonly SloTarget[],
): TrafficWorkload {
  const answered = indices(outputTokens.length).filter(
    (at) => inputTokens[at]! > 0 && outputTokens[at]! > 0,
  )
  if (answered.length < fewest)
    throw new AppError('planner/bad-request', {
      message: `${name} holds ${answered.length} requests with prompt and answer; ${fewest} are the least that say what traffic is like`,
      hint: 'Let it serve longer, or say what comes: a preset, mean tokens like 1000,200, or a trace file.',
    })
  const input = lengthOf(answered.map((at) => inputTokens[at]!))
  const rates = ratesOf(timesMs)
  return {
    workload: {
      name,
      inputTokens: input,
      outputTokens: lengthOf(answered.map((at) => outputTokens[at]!)),
      prefixShare: shared(answered, sharedTokens, input.mean),
      slo,
      source: `${source}: ${answered.length} requests, ${short(rates.meanRps)} a second on average, ${short(rates.peakRps)} in the busiest minute`,
    },
    ...rates,
  }
}

const fewest = 10

function lengthOf(values: readonly number[]): TokenLength {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return { mean: round(mean), spread: round(Math.sqrt(variance) / mean) }
}

function shared(
  answered: readonly number[],
  sharedTokens: ArrayLike<number> | null,
  meanInput: number,
): number {
  if (sharedTokens === null) return 0
  const sum = answered.reduce((total, at) => total + sharedTokens[at]!, 0)
  return round(Math.min(0.99, sum / answered.length / meanInput))
}

const minuteMs = 60_000

function ratesOf(timesMs: ArrayLike<number>): { meanRps: number; peakRps: number } {
  const first = timesMs[0] ?? 0
  const spanMs = Math.max(1, (timesMs[timesMs.length - 1] ?? 0) - first)
  const meanRps = (timesMs.length / spanMs) * 1e3
  if (spanMs <= minuteMs) return { meanRps, peakRps: meanRps }
  const counts = new Map<number, number>()
  for (let at = 0; at < timesMs.length; at++) {
    const minute = Math.floor((timesMs[at]! - first) / minuteMs)
    counts.set(minute, (counts.get(minute) ?? 0) + 1)
  }
  const most = [...counts.values()].reduce((high, count) => Math.max(high, count), 0)
  return { meanRps, peakRps: Math.max(meanRps, most / 60) }
}

/**
 * Tokens of each prompt that an earlier one of the recording began with, from the identities of its blocks: as if a
 * cache kept everything. A block counts only where all before it count.
 */
export function sharedInBlocks(
  blocks: readonly (readonly number[])[],
  blockTokens: number,
  inputTokens: ArrayLike<number>,
): Float64Array {
  const seen = new Set<number>()
  return Float64Array.from(blocks, (own, at) => {
    let known = 0
    while (known < own.length && seen.has(own[known]!)) known++
    for (const block of own) seen.add(block)
    return Math.min(known * blockTokens, Math.max(0, inputTokens[at]! - 1))
  })
}

const indices = (length: number): number[] => Array.from({ length }, (_, at) => at)
const round = (value: number): number => Number(value.toPrecision(4))
const short = (value: number): string => String(Number(value.toPrecision(3)))
