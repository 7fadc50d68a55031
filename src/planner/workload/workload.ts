import type { SloTarget } from './slo.ts'

/** What requests look like, whoever sends them. */
export interface Workload {
  readonly name: string
  readonly inputTokens: TokenLength
  readonly outputTokens: TokenLength
  /** Share of a prompt that an earlier request began with as well. */
  readonly prefixShare: number
  /** What people expect who don't say: null where nobody waits for an answer. */
  readonly slo: readonly SloTarget[]
  readonly source: string
}

export interface TokenLength {
  readonly mean: number
  /** Standard deviation over mean. */
  readonly spread: number
}

/** Length that `share` of requests stay below, taking lengths as lognormal, as recorded ones nearly are. */
export function lengthQuantile({ mean, spread }: TokenLength, z: number): number {
  const variance = Math.log(1 + spread * spread)
  return Math.max(1, mean * Math.exp(z * Math.sqrt(variance) - variance / 2))
}
