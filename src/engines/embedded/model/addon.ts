import type { Llama, LlamaContext, LlamaModel } from 'node-llama-cpp'

/**
 * The native layer below node-llama-cpp's public classes. The batch loop drives it directly: through
 * `LlamaContextSequence` every token costs several locks, promises and a copy of the whole sequence, which
 * holds a small model to a third of its speed (README, "Figures"). The package is pinned to an exact version, and `native.test.ts` runs all of it.
 */
export interface Addon {
  readonly AddonSampler: new (model: AddonModel) => AddonSampler
  readonly AddonGrammar: new (
    text: string,
    options: { addonExports: Addon; rootRuleName: string },
  ) => object
  readonly AddonGrammarEvaluationState: new (model: AddonModel, grammar: object) => object
}

export interface AddonModel {
  tokenize(text: string, hasSpecialTokens: boolean): Uint32Array
  detokenize(tokens: Uint32Array, hasSpecialTokens: boolean): string
  getTokenString(token: number): string
  getTokenAttributes(token: number): number
  isEogToken(token: number): boolean
}

export interface AddonContext {
  initBatch(tokens: number): void
  addToBatch(
    sequence: number,
    position: number,
    tokens: Uint32Array,
    wanted: Uint32Array,
  ): Uint32Array
  decodeBatch(): Promise<void>
  sampleToken(logit: number, sampler: AddonSampler): Promise<number>
  sampleToken(
    logit: number,
    sampler: AddonSampler,
    hasProbabilities: true,
  ): Promise<[token: number, tokenAndProbability: number[] | undefined]>
  disposeSequence(sequence: number): void
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean
  getSequenceKvCacheMinPosition(sequence: number): number
  getEmbedding(tokens: number): Float64Array
  setThreads(threads: number): void
}

export interface AddonSampler {
  dispose(): void
  applyConfig(config: AddonSamplerConfig): void
}

/** An absent field switches its sampler off; `undefined` as a value does not. */
export interface AddonSamplerConfig {
  temperature: number
  topK: number
  topP: number
  minP: number
  seed: number
  repeatPenalty?: number
  repeatPenaltyMaxTokens?: number
  repeatPenaltyTokens?: Uint32Array
  repeatPenaltyPresencePenalty?: number
  repeatPenaltyFrequencyPenalty?: number
  tokenBiasKeys?: Uint32Array
  tokenBiasValues?: Float32Array
  grammarEvaluationState?: object
}

export const addonOf = (llama: Llama): Addon => (llama as unknown as { _bindings: Addon })._bindings
export const addonModelOf = (model: LlamaModel): AddonModel =>
  (model as unknown as { _model: AddonModel })._model
export const addonContextOf = (context: LlamaContext): AddonContext =>
  (context as unknown as { _ctx: AddonContext })._ctx
