/** How the next token is chosen. Names are those of the API parameters. */
export interface SamplingOptions {
  /** 0: the likeliest token always. */
  readonly temperature: number
  /** 0: all. */
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly seed: number
  readonly presencePenalty: number
  readonly frequencyPenalty: number
  /** 1: none. Counts the prompt's tokens too, unlike the two above. */
  readonly repetitionPenalty: number
  readonly logitBias: ReadonlyMap<number, number>
  /** GBNF that the answer has to match. */
  readonly grammar: string | null
  /** Goes on where the model would end. */
  readonly ignoreEnd: boolean
}

export interface Sampler {
  dispose(): void
}

/** Tokens, likeliest first, with the probability the model itself gave them: no temperature, no filters. */
export interface Distribution {
  readonly tokens: readonly number[]
  readonly probabilities: readonly number[]
}

/**
 * A loaded model with the memory for N sequences: what the batch loop needs of it, and no more. One step is
 * `startBatch`, `add` for each sequence that takes part, `decode`, then `sample` for each logit asked for.
 */
export interface ModelSession {
  readonly sequences: number
  /** Of one sequence: prompt and answer together. */
  readonly contextTokens: number
  /** Calls queue up and run one after another: `sample` may be called before `decode` has ended. */
  readonly isSerial: boolean
  isEnd(token: number): boolean
  startBatch(tokens: number): void
  /** `wanted`: indices into `tokens` whose successor shall be sampled. Returns one logit handle for each. */
  add(sequence: number, position: number, tokens: Uint32Array, wanted: Uint32Array): Uint32Array
  decode(threads: number): Promise<void>
  sample(logit: number, sampler: Sampler): Promise<number>
  distribution(logit: number, sampler: Sampler): Promise<Distribution>
  /** `prompt`: what the repetition penalty has seen before the first token. Throws on a bad grammar. */
  createSampler(options: SamplingOptions, prompt: Uint32Array): Sampler
  /** For `distribution`. One a generation: a sampler must not be used twice at once. */
  createRawSampler(): Sampler
  /** Forgets all of a sequence beyond `length` tokens; returns how many are left, 0 where it can't cut there. */
  truncate(sequence: number, length: number): number
  /** Of the text just decoded, which must have been alone in its batch. */
  embedding(tokens: number): Float64Array
}
