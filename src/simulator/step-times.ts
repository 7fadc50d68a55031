import type { StepLoad, StepTime } from './engine/step-load.ts'

/** A step as a sum: what is always there, and what each token and sequence adds. */
export interface LinearStep {
  readonly baseMs: number
  /** By prompt token. */
  readonly promptTokenMs: number
  /** By sequence that decodes. */
  readonly sequenceMs: number
  /** By token in the cache that decoding attends to. */
  readonly contextTokenMs: number
  /** By pair of a prompt token and a token before it. */
  readonly promptPairMs: number
}

export const linearStepTime =
  (step: LinearStep): StepTime =>
  (ranks) => {
    let longest = 0
    for (const load of ranks) {
      const { promptTokenMs, sequenceMs, contextTokenMs, promptPairMs } = step
      const ms =
        load.prefillTokens * promptTokenMs +
        load.decodeTokens * sequenceMs +
        load.contextTokens * contextTokenMs +
        promptPairs(load) * promptPairMs
      if (ms > longest) longest = ms
    }
    return step.baseMs + longest
  }

export function promptPairs({ chunks, chunkTokens, chunkPast }: StepLoad): number {
  let pairs = 0
  for (let at = 0; at < chunks; at++)
    pairs += chunkTokens[at]! * (chunkPast[at]! + chunkTokens[at]! / 2)
  return pairs
}

const stepsPerOctave = 16

/**
 * A costly step time, looked up: steps that only decode lie on a surface over (sequences, mean context), whose points
 * are computed when they are first needed and joined by straight lines. Prompts are computed each time. Only for one
 * rank, and where decoding depends on the mean context and not on the longest; with drafts only where all sequences of a
 * step count as verifying as many (`isDrafted`).
 */
export function tabulated(stepTime: StepTime, isDrafted = false): StepTime {
  const rows: Float64Array[] = []
  const probe: { -readonly [Key in keyof StepLoad]: StepLoad[Key] } = {
    decodes: 0,
    decodeTokens: 0,
    contextTokens: 0,
    contextMax: 0,
    chunks: 0,
    chunkTokens: new Int32Array(0),
    chunkPast: new Int32Array(0),
    prefillTokens: 0,
    sampled: 0,
  }
  const at = (decodes: number, point: number): number => {
    const row = (rows[decodes] ??= new Float64Array(24 * stepsPerOctave).fill(Number.NaN))
    if (Number.isNaN(row[point])) {
      const context = contextAt(point)
      Object.assign(probe, {
        decodes,
        decodeTokens: decodes,
        sampled: decodes,
        contextMax: context,
      })
      probe.contextTokens = decodes * context
      row[point] = stepTime([probe])
    }
    return row[point]!
  }
  return (ranks) => {
    const load = ranks[0]!
    const { decodes, contextTokens } = load
    const isUniform = isDrafted || load.decodeTokens === decodes
    if (ranks.length > 1 || load.chunks > 0 || !isUniform) return stepTime(ranks)
    const context = contextTokens / decodes
    const point = Math.max(0, Math.floor(Math.log2(context) * stepsPerOctave))
    const below = contextAt(point)
    const low = at(decodes, point)
    const share = (context - below) / (contextAt(point + 1) - below)
    return low + (at(decodes, point + 1) - low) * share
  }
}

const contextAt = (point: number): number => 2 ** (point / stepsPerOctave)
