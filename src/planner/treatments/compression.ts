import type { Burden } from '../burdens/burden.ts'
import { peakTflops } from '../step/utilisation.ts'
import type { Quality } from '../search/quality.ts'
import type { Workload } from '../workload/workload.ts'

/** Shorter prompts, what shortening costs, and what it loses. */
export interface Compressed {
  readonly workload: Workload
  readonly burden: Burden
  readonly quality: Quality
}

/** A small language model reads every prompt once: LLMLingua-2's has 0.56 billion parameters (arXiv 2403.12968). */
const compressorParameters = 0.56e9
/** Of the peak, what reading reaches with a model of that size. */
const reached = 0.4

/**
 * Keeps a share of every prompt, the sentences that say most (selective context). A beginning that others share stays
 * whole: what is left out depends on the rest, and would end the sharing.
 */
export function compress(workload: Workload, keep: number): Compressed {
  const { inputTokens, prefixShare } = workload
  const shared = inputTokens.mean * prefixShare
  const mean = Math.max(1, Math.round(shared + (inputTokens.mean - shared) * keep))
  return {
    workload: {
      ...workload,

      inputTokens: { ...inputTokens, mean },
      prefixShare: shared / mean,
      source: `${workload.source}; ${Number((keep * 100).toPrecision(2))} % of each prompt is kept`,
    },
    burden: {
      name: 'compression',
      bytes: () => compressorParameters * 2,
      stepMs: () => 0,
      promptMs: ({ device }) =>
        (2 * compressorParameters * (inputTokens.mean - shared)) /
        (peakTflops(device, 'bf16') * 1e9 * reached),
      slowdown: () => 1,
      setting: null,
      note: `prompts are shortened to ${Number((keep * 100).toPrecision(2))} % by a model of 0.56B on the same devices`,
    },
    quality: lossOf(keep),
  }
}

const lossOf = (keep: number): Quality => {
  if (keep >= 1) return { loss: 0, source: 'nothing is left out' }
  if (keep >= 0.5)
    return {
      loss: 0.038,
      source:
        'Selective Context, arXiv 2310.06201: half of the context costs 0.038 of faithfulness and 0.023 of BERTScore',
    }
  return { loss: null, source: 'no published measurement of so little context' }
}
