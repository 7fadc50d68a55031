import type { Burden } from '../burdens/burden.ts'
import type { ModelFacts } from '../model-facts.ts'
import { peakTflops } from '../step/utilisation.ts'
import type { Workload } from '../workload/workload.ts'

export interface Images {
  /** In each request. */
  readonly count: number
  /** Tokens of the language model that one image becomes. */
  readonly tokens: number
}

/** Patches that the tower reads for one token: towers of today join two by two. */
const patchesPerToken = 4
/** Of the peak, what large square multiplications reach. */
const reached = 0.5

/**
 * Prompts with images: as many more tokens, and a pass of the vision tower (two operations a parameter and patch) before
 * them. Null where the model has no tower.
 */
export function withImages(
  workload: Workload,
  { extraParameters }: ModelFacts,
  { count, tokens }: Images,
): { readonly workload: Workload; readonly burden: Burden } | null {
  if (extraParameters <= 0) return null
  const { inputTokens, prefixShare } = workload
  const mean = inputTokens.mean + count * tokens
  const patches = count * tokens * patchesPerToken
  return {
    workload: {
      ...workload,
      inputTokens: { mean, spread: (inputTokens.spread * inputTokens.mean) / mean },
      prefixShare: (prefixShare * inputTokens.mean) / mean,
      source: `${workload.source}; ${count} images of ${tokens} tokens in each request`,
    },
    burden: {
      name: 'images',
      bytes: () => 0,
      stepMs: () => 0,
      promptMs: ({ device, tp }) =>
        (2 * extraParameters * patches) / (peakTflops(device, 'bf16') * 1e9 * reached * tp),
      slowdown: () => 1,
      setting: null,
      note: `a vision tower of ${(extraParameters / 1e9).toFixed(2)}B reads ${count} images of ${tokens} tokens for each request`,
    },
  }
}
