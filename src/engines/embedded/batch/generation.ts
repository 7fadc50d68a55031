import type { AppError } from '../../../core/errors.ts'
import type { Distribution, SamplingOptions } from '../model/session.ts'

/** One answer to make: a prompt in, tokens out through callbacks. */
export interface Generation {
  readonly prompt: Uint32Array
  readonly maxTokens: number
  readonly sampling: SamplingOptions
  /** The model's own probabilities are wanted with each token. */
  readonly wantsDistributions: boolean
  /** Also for each token of the prompt but the first. */
  readonly wantsPromptDistributions: boolean
  /** Set from outside; the sequence is free again within one step. */
  isCancelled: boolean
  /** Called in the order of the prompt, before the first token. */
  onPromptDistribution?(position: number, distribution: Distribution): void
  /** Returns false to end here. Must not throw. */
  onToken(token: number, distribution: Distribution | null): boolean
  onEnd(end: GenerationEnd): void
}

export interface GenerationEnd {
  /** `stop`: the model or `onToken` ended it. */
  readonly reason: 'stop' | 'length' | 'cancelled' | 'failed'
  readonly error: AppError | null
  /** Tokens sampled, the model's end token too. */
  readonly generatedTokens: number
  /** Of the prompt, found in a sequence's memory. */
  readonly cachedTokens: number
  readonly timing: GenerationTiming
}

/** Milliseconds of a monotonic clock; null: it never came to that. */
export interface GenerationTiming {
  readonly arrivedMs: number
  readonly startedMs: number | null
  readonly firstTokenMs: number | null
  readonly endedMs: number
}
