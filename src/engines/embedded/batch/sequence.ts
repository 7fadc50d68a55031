import type { Sampler } from '../model/session.ts'
import type { Generation } from './generation.ts'

/** One sequence of the model's memory: free, or at work on a generation. */
export interface Sequence {
  readonly id: number
  /** Tokens in the model's memory, in order. */
  readonly tokens: number[]
  usedMs: number
  work: Work | null
}

/** A generation on its sequence. */
export interface Work {
  readonly generation: Generation
  readonly sampler: Sampler
  readonly rawSampler: Sampler | null
  readonly arrivedMs: number
  readonly startedMs: number
  readonly cachedTokens: number
  firstTokenMs: number | null
  /** Sampled but not yet in memory; -1 while the prompt is being read. */
  nextToken: number
  sampledTokens: number
  /** Handed to the generation: one step behind what was sampled. */
  deliveredTokens: number
  /** Its end has been told; the sequence is to be freed. */
  isReported: boolean
}

/** What a sequence puts into the next step. */
export interface Part {
  readonly sequence: Sequence
  readonly work: Work
  readonly tokens: Uint32Array
  /** Indices into `tokens`. */
  readonly wanted: Uint32Array
  /** With this part the prompt is read, or it is read already: a token comes out. */
  readonly hasAnswer: boolean
}

const none = new Uint32Array(0)
const first = Uint32Array.of(0)

/** Tokens of the prompt that are still to be read. */
export const unreadTokens = ({ tokens, work }: Sequence): number =>
  work ? Math.max(0, work.generation.prompt.length - tokens.length) : 0

/** At most `budget` tokens of what the sequence has to compute next. */
export function nextPart(sequence: Sequence, work: Work, budget: number): Part {
  const { prompt, wantsPromptDistributions } = work.generation
  if (work.nextToken >= 0) {
    const tokens = Uint32Array.of(work.nextToken)
    return { sequence, work, tokens, wanted: first, hasAnswer: true }
  }
  const start = sequence.tokens.length
  const tokens = prompt.subarray(start, start + budget)
  const hasAnswer = start + tokens.length === prompt.length
  const wanted = wantsPromptDistributions
    ? Uint32Array.from(tokens.keys())
    : hasAnswer
      ? Uint32Array.of(tokens.length - 1)
      : none
  return { sequence, work, tokens, wanted, hasAnswer }
}
