/** What one step of one rank computes. The scheduler owns and refills it: read it, never keep it. */
export interface StepLoad {
  /** Sequences that decode. */
  decodes: number
  /** Their query tokens: one each, more with drafts to verify. */
  decodeTokens: number
  /** Tokens in the cache that they attend to: the sum, and the longest. */
  contextTokens: number
  contextMax: number
  /** Prompt chunks; the first `chunks` entries of the columns count. */
  chunks: number
  readonly chunkTokens: Int32Array
  /** Tokens of the same prompt that are in the cache already. */
  readonly chunkPast: Int32Array
  prefillTokens: number
  /** Sequences that get a token: decodes, and prompts whose last chunk this is. */
  sampled: number
}

/**
 * How long a step takes, ms. One load a rank; there are several only with data-parallel attention, where all ranks
 * step together and an idle one has an empty load.
 */
export type StepTime = (ranks: readonly StepLoad[]) => number

export const createStepLoad = (sequencesMax: number): StepLoad => ({
  decodes: 0,
  decodeTokens: 0,
  contextTokens: 0,
  contextMax: 0,
  chunks: 0,
  chunkTokens: new Int32Array(sequencesMax),
  chunkPast: new Int32Array(sequencesMax),
  prefillTokens: 0,
  sampled: 0,
})

export function clearStepLoad(load: StepLoad): void {
  load.decodes = 0
  load.decodeTokens = 0
  load.contextTokens = 0
  load.contextMax = 0
  load.chunks = 0
  load.prefillTokens = 0
  load.sampled = 0
}
