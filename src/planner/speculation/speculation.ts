import type { ModelFacts } from '../model-facts.ts'

export const draftMethods = ['draft', 'eagle', 'mtp', 'medusa', 'ngram', 'lookahead'] as const
export type DraftMethod = (typeof draftMethods)[number]

/** Who guesses the next tokens, how many, and how often that is right. */
export interface Speculation {
  readonly method: DraftMethod
  /** Tokens guessed one after another. */
  readonly depth: number
  /** Candidates at each place: 1 is a chain, more a tree. */
  readonly width: number
  /** Tokens that the model looks at in a step for each sequence, the certain one among them. */
  readonly verified: number
  /** Chance of a guess to be right where the one before it was. */
  readonly acceptance: number
  /** What `draft` guesses with. */
  readonly model: ModelFacts | null
  /** Repository or path of the draft weights; null where the model brings them or none are needed. */
  readonly weights: string | null
  readonly source: string
}

/** Guesses in one row, with nothing beside them. */
export const chain = (depth: number): Pick<Speculation, 'depth' | 'width' | 'verified'> => ({
  depth,
  width: 1,
  verified: depth + 1,
})

/** EAGLE-3 drafts from the 32,000 most frequent tokens (arXiv 2503.01840, the published draft heads). */
const eagleVocabulary = 32_000

/** Weights of EAGLE-3 beside those of a layer, by unit of width, in each of `depth` passes (arXiv 2503.01840, §3.1). */
const eagleInputs = ({ hidden, heads, kvHeads, headDim }: ModelFacts, depth: number): number =>
  headDim * (heads + 2 * kvHeads) + (3 * hidden) / depth

/** A model that does what drafting does, and how often it runs in a step; null where nothing is computed. */
export function drafter(
  target: ModelFacts,
  { method, depth, model }: Pick<Speculation, 'method' | 'depth' | 'model'>,
): { readonly facts: ModelFacts; readonly passes: number } | null {
  const single = { layers: 1, window: null, linear: null, extraParameters: 0 }
  switch (method) {
    case 'ngram':
    case 'lookahead':
      // Guesses come from the text, or from the model's own spare compute.
      return null
    case 'draft':
      return model && { facts: model, passes: depth }
    case 'eagle':
      // One dense layer and a small head on the model's own features, one token after another. EAGLE-3 joins features of three
      // layers once a step, and its attention reads them beside the token: counted as a wider feed-forward.
      return {
        facts: {
          ...target,
          ...single,
          intermediate: target.intermediate + eagleInputs(target, depth) / target.mlpMatrices,
          moe: null,
          mla: null,
          sparse: null,
          vocab: Math.min(eagleVocabulary, target.vocab),
          tiedEmbeddings: true,
        },
        passes: depth,
      }
    case 'mtp':
      // One more layer of the model's own kind, with its own head (DeepSeek-V3, arXiv 2412.19437 §2.2).
      return {
        facts: {
          ...target,
          ...single,
          moe: target.moe && { ...target.moe, denseLayers: 0, every: 1 },
          tiedEmbeddings: true,
        },
        passes: depth,
      }
    case 'medusa':
      // A head for each place, all at once (arXiv 2401.10774).
      return {
        facts: {
          ...target,
          ...single,
          layers: 0,
          moe: null,
          vocab: target.vocab * depth,
          tiedEmbeddings: true,
        },
        passes: 1,
      }
  }
}
