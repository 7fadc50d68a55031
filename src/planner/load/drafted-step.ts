import type { EngineModel } from '../../core/engine-model.ts'
import { stepFeatures, type StepFeatures } from './features.ts'
import { precisionOf } from '../kernel-precision.ts'
import { type Burden, burdenBytes } from '../burdens/burden.ts'
import { weightBytesPerDevice } from '../memory/weights.ts'
import { cachedLayers } from '../model-facts.ts'
import { kvBytesPerTokenLayer, type Layout } from '../step/step-time.ts'
import { tokensPerStep } from '../speculation/acceptance.ts'
import { drafter, type Speculation } from '../speculation/speculation.ts'

/**
 * Host cost of one draft pass over that of a whole step: it is scheduled with the step, but prepared, launched and sampled by
 * itself. The median over six measured speed-ups of what makes each right; fitted to five the sixth comes out within 5 %
 * (bench/planner/search-drafts.ts).
 */
export const draftHostShare = 0.67

/**
 * A decoding step with drafts, for one token of the answer: one pass of the model over all guesses, and the passes that
 * made them, over the tokens that come out of it.
 */
export function tokenFeatures(
  layout: Layout,
  decodes: number,
  context: number,
  speculation: Speculation | null,
): StepFeatures {
  if (speculation === null || layout.model.kind === 'encoder')
    return stepFeatures(layout, decodes, context, 0, 0)
  const verify = stepFeatures(layout, decodes, context, 0, 0, speculation.verified)
  const made = draftFeatures(layout, decodes, context, speculation)
  const tokens = tokensPerStep(speculation)
  return Object.fromEntries(
    Object.entries(verify).map(([part, value]) => [
      part,
      (value + (made?.[part as keyof StepFeatures] ?? 0)) / tokens,
    ]),
  ) as unknown as StepFeatures
}

/** The same under an engine: some hosts can't work beside a drafted step. */
export const underEngine = (
  features: StepFeatures,
  { scheduling }: Pick<EngineModel, 'scheduling'>,
  speculation: Speculation | null,
): StepFeatures =>
  speculation && scheduling.draftedHost !== undefined
    ? { ...features, sequenceUs: features.sequenceUs * scheduling.draftedHost }
    : features

/** All draft passes of one step; null where guesses cost nothing. */
export function draftFeatures(
  layout: Layout,
  decodes: number,
  context: number,
  speculation: Speculation,
): StepFeatures | null {
  const draft = draftLayout(layout, speculation)
  if (!draft) return null
  const { passes } = draft
  // The first pass of a tree has one candidate a sequence, the others all that were kept.
  const wide = 1 + ((passes - 1) * (speculation.width - 1)) / passes
  const one = stepFeatures(draft.layout, decodes, context, 0, 0, wide)
  const scaled = Object.fromEntries(
    Object.entries(one).map(([part, value]) => [part, value * passes]),
  ) as unknown as StepFeatures
  return {
    ...scaled,
    stepUs: one.stepUs * passes * draftHostShare,
    sequenceUs: one.sequenceUs * passes * draftHostShare,
  }
}

/** The drafter on the model's own devices; null where there is none. */
export function draftLayout(
  layout: Layout,
  speculation: Speculation,
): { readonly layout: Layout; readonly passes: number } | null {
  const found = drafter(layout.model, speculation)
  if (!found) return null
  const { facts, passes } = found
  const isOwn = speculation.method === 'mtp'
  const precision = isOwn ? layout.precision : precisionOf(facts, 'bf16', layout.precision.kvBytes)
  const ep = facts.moe ? layout.ep : 1
  return { layout: { ...layout, model: facts, precision, pp: 1, ep }, passes }
}

/** What is on each device beside the model: a drafter, and all that is borne. */
export function besideMemory(
  layout: Layout,
  speculation: Speculation | null,
  burdens: readonly Burden[],
) {
  const drafts = draftMemory(layout, speculation)
  return {
    ...drafts,
    besideBytes: drafts.besideBytes + burdenBytes(burdens, layout),
    cacheElsewhere: burdens.find(({ cacheElsewhere }) => cacheElsewhere)?.cacheElsewhere,
  }
}

/** What a drafter takes of each device's memory: its weights, and a cache for its own layers. */
export function draftMemory(
  layout: Layout,
  speculation: Speculation | null,
): { readonly besideBytes: number; readonly besideLayers: number } {
  const draft = speculation && draftLayout(layout, speculation)
  if (!draft) return { besideBytes: 0, besideLayers: 0 }
  const alike = kvBytesPerTokenLayer(draft.layout) / kvBytesPerTokenLayer(layout)
  return {
    besideBytes: weightBytesPerDevice(draft.layout),
    besideLayers: cachedLayers(draft.layout.model) * alike,
  }
}
