import { createRandom, type Random } from '../../core/random.ts'
import type { TokenLength, Workload } from '../../planner/workload/workload.ts'
import type { WorkloadRequest } from '../workload.ts'

/** Tokens that a hash of a shared beginning stands for. */
export const drawnHashTokens = 16

/** Prompts that begin alike come from this many origins. */
const origins = 16

export interface Draw {
  readonly seed: number
  readonly count: number
  /** Requests a second, Poisson; null: all at once. */
  readonly rateRps: number | null
  /** Longest prompt and answer together. */
  readonly contextMax: number
}

/** Requests as a workload says they come: lognormal lengths, and beginnings that were seen before. */
export function drawRequests(
  { inputTokens, outputTokens, prefixShare }: Workload,
  { seed, count, rateRps, contextMax }: Draw,
): WorkloadRequest[] {
  const random = createRandom(seed)
  let atMs = 0
  return Array.from({ length: count }, () => {
    if (rateRps !== null) atMs += (-Math.log(1 - random()) / rateRps) * 1e3
    const answerTokens = length(outputTokens, random, Math.max(1, contextMax - 1))
    const promptTokens = length(inputTokens, random, Math.max(1, contextMax - answerTokens))
    return {
      atMs,
      promptTokens,
      answerTokens,
      ...(prefixShare > 0 ? { blockHashes: beginning(promptTokens * prefixShare, random) } : {}),
    }
  })
}

function length({ mean, spread }: TokenLength, random: Random, most: number): number {
  const variance = Math.log(1 + spread * spread)
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const drawn = mean * Math.exp(normal * Math.sqrt(variance) - variance / 2)
  return Math.min(most, Math.max(1, Math.round(drawn)))
}

function beginning(tokens: number, random: Random): number[] {
  const origin = Math.floor(random() * origins) * 2 ** 20
  return Array.from({ length: Math.floor(tokens / drawnHashTokens) }, (_, at) => origin + at)
}
