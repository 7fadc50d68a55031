/**
 * How an engine forms its batches. An engine is one set of these: no simulator code knows an engine by name.
 * The defaults are vLLM V1's.
 */
export interface EngineParameters {
  /** Sequences that run at once: vLLM's `max_num_seqs`, llama-server's slots. */
  readonly sequencesMax: number
  /** Tokens that one step takes: vLLM's `max_num_batched_tokens`. */
  readonly batchTokens: number
  /** Longest prompt + answer; a longer request is refused. */
  readonly contextMax: number
  /** Blocks that requests can use, on one rank. vLLM's own null block is not among them. */
  readonly kvBlocks: number
  readonly blockTokens: number
  readonly hasPrefixCache: boolean
  /** Whether a prompt may be spread over steps. Without it one longer than a step goes alone. */
  readonly hasChunkedPrefill: boolean
  /**
   * `mixed`: prompts ride along with running sequences. `prefill-first`: a step is either prompts or decoding, prompts
   * go first (SGLang's default, vLLM V0).
   */
  readonly mixing: 'mixed' | 'prefill-first'
  /** `when-empty`: a new batch starts only when the last one has ended (static batching). */
  readonly admission: 'continuous' | 'when-empty'
  /**
   * What has to be free to admit: the first chunk, or the whole prompt (vLLM ≥ 0.19). Where prompts go first it is
   * always the whole one: else one that does not fit would hold up decoding for ever.
   */
  readonly reserve: 'chunk' | 'prompt'
  /** Share of the answer that has to be free as well. 1: nobody is ever preempted (TensorRT-LLM's no-evict). */
  readonly reserveAnswer: number
  readonly order: 'fcfs' | 'priority'
  /** Steps decided ahead of the one that runs: 1 with vLLM's asynchronous scheduling, else 0; 0 with drafts. */
  readonly stepsAhead: 0 | 1
  /** Requests that may wait; beyond that the engine says 503. */
  readonly queueMax: number
  /** Before a request reaches the scheduler: HTTP, template, tokenising. */
  readonly requestOverheadMs: number
  /** Null: no speculative decoding. */
  readonly speculation: Speculation | null
}

export interface Speculation {
  /** Drafted per sequence and step; their cost is the step time's business. */
  readonly draftTokens: number
  /** Most of them that can be right, where they are branches of a tree. Default: all. */
  readonly depth?: number
  /** Chance of a draft to be accepted where the one before it was. */
  readonly acceptance: number
}

export const defaultParameters: EngineParameters = {
  sequencesMax: 256,
  batchTokens: 2048,
  contextMax: 1_000_000_000,
  kvBlocks: 10_000,
  blockTokens: 16,
  hasPrefixCache: true,
  hasChunkedPrefill: true,
  mixing: 'mixed',
  admission: 'continuous',
  reserve: 'prompt',
  reserveAnswer: 0,
  order: 'fcfs',
  stepsAhead: 1,
  queueMax: 1_000_000_000,
  requestOverheadMs: 0,
  speculation: null,
}
