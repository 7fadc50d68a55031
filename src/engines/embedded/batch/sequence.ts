import type { Distribution, ModelSession, Sampler } from '../model/session.ts'
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
  generatedTokens: number
  /** Sampled but not yet in memory; -1 while the prompt is being read. */
  nextToken: number
}

/** What a sequence puts into the next step. */
export interface Part {
  readonly sequence: Sequence
  readonly work: Work
  readonly tokens: Uint32Array
  readonly wanted: Uint32Array
  /** Handles of the wanted logits, once the batch is filled. */
  logits: Uint32Array
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
    return { sequence, work, tokens, wanted: first, logits: none }
  }
  const start = sequence.tokens.length
  const tokens = prompt.subarray(start, start + budget)
  const isLast = start + tokens.length === prompt.length
  const wanted = wantsPromptDistributions
    ? Uint32Array.from(tokens.keys())
    : isLast
      ? Uint32Array.of(tokens.length - 1)
      : none
  return { sequence, work, tokens, wanted, logits: none }
}

export interface Sampled {
  readonly token: number
  readonly distribution: Distribution | null
}

/** After decoding: reads what the part asked for. Null: the prompt is not read to its end yet. */
export async function samplePart(session: ModelSession, part: Part): Promise<Sampled | null> {
  const { work, sequence, logits } = part
  const { generation, rawSampler } = work
  if (work.nextToken < 0 && rawSampler && generation.wantsPromptDistributions)
    for (const [index, logit] of logits.entries()) {
      const position = sequence.tokens.length + index + 1
      if (position < generation.prompt.length)
        generation.onPromptDistribution?.(position, await session.distribution(logit, rawSampler))
    }
  const isPromptRead = sequence.tokens.length + part.tokens.length >= generation.prompt.length
  const logit = logits.at(-1)
  if (!isPromptRead || logit === undefined) return null
  const distribution =
    rawSampler && generation.wantsDistributions
      ? await session.distribution(logit, rawSampler)
      : null
  return { token: await session.sample(logit, work.sampler), distribution }
}
