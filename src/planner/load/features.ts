import type { FirstTokenCoefficients, StepCoefficients } from '../../core/engine-model.ts'
import { cachedLayers, type ModelFacts, moeLayers } from '../model-facts.ts'
import {
  type Layout,
  oneShotsUs,
  type PrefillChunk,
  stepParts,
  type StepParts,
} from '../step/step-time.ts'

/** What each coefficient multiplies, ms: a time is the sum of feature × coefficient. */
export type StepFeatures = { readonly [Part in keyof StepCoefficients]: number }
export type FirstTokenFeatures = { readonly [Part in keyof FirstTokenCoefficients]: number }

export interface Prompt {
  readonly tokens: number
  /** Share of the prompt that is in the prefix cache. */
  readonly prefixShare: number
}

/** What the prompt of one request costs by itself, ms. */
export interface PrefillCost {
  readonly total: number
  readonly attention: number
  readonly chunks: number
  /** The same for itself, where data-parallel ranks read one prompt each. */
  readonly own: { readonly total: number; readonly attention: number }
}

/**
 * Decoding `decodes` sequences, `queries` tokens each, while `prefills` prompts start with every step (usually far less
 * than one).
 */
export function stepFeatures(
  layout: Layout,
  decodes: number,
  context: number,
  prefills: number,
  prefillMs: number,
  queries = 1,
): StepFeatures {
  const parts = stepParts(layout, { decodes, context, queries, chunks: [] })
  const { model } = layout
  const layers = model.layers / 1e3
  return {
    dense: (parts.dense + parts.head + parts.elementwise) / 1e3,
    experts: parts.experts / 1e3,
    expertSpread: (parts.experts / 1e3) * (1 - 1 / layout.ep),
    attention: parts.decodeAttention / 1e3,
    collective: parts.collective / 1e3,
    oneShot: oneShotsUs(layout, decodes * queries) / 1e3,
    layerUs: layers,
    expertLayerUs: moeLayers(model) / 1e3,
    latentLayerUs: model.mla ? layers : 0,
    linearLayerUs: (model.linear?.layers ?? 0) / 1e3,
    sparseLayerUs: model.sparse ? cachedLayers(model) / 1e3 : 0,
    stepUs: 1e-3,
    sequenceUs: decodes / layout.dp / 1e3,
    ...promptFeatures(layout, prefills, prefillMs),
  }
}

export type PromptPart = 'prefill' | 'prefillStepUs' | 'launch'

/** What prompts add to a step, each `prefillMs` of device time. */
export const promptFeatures = (
  layout: Layout,
  prefills: number,
  prefillMs: number,
): Record<PromptPart, number> => ({
  prefill: prefills * prefillMs,
  prefillStepUs: prefills / 1e3,
  launch: Math.min(1, prefills) * Math.max(0, layout.model.layers * launchLayerMs - prefillMs),
})

/** Share of a step that prompts take. */
export function promptShareOf(features: StepFeatures, coefficients: StepCoefficients): number {
  const { prefill, prefillStepUs, launch } = coefficients
  const prompts =
    features.prefill * prefill + features.prefillStepUs * prefillStepUs + features.launch * launch
  return prompts / weigh(features, coefficients)
}

/** What a host takes to launch the kernels of one layer one by one, ms: TensorRT-LLM 1.0 on 32 and 94 layers alike. */
const launchLayerMs = 0.43

/**
 * Time that a prompt adds: alone in its steps, or on top of `decodes` sequences that decode anyway; each of `together`
 * prompts that share a step, as far as they fit into it.
 */
export function prefillCost(
  layout: Layout,
  prompt: Prompt,
  batchedTokens: number,
  beside: { readonly decodes: number; readonly context: number } | null,
  together = 1,
): PrefillCost {
  const cached = Math.min(prompt.tokens - 1, Math.round(prompt.tokens * prompt.prefixShare))
  const tokens = Math.max(1, prompt.tokens - cached)
  const chunks = Math.max(1, Math.ceil(tokens / batchedTokens))
  const chunk: PrefillChunk = {
    tokens: tokens / chunks,
    past: cached + (tokens - tokens / chunks) / 2,
    count: Math.max(1, Math.min(together, batchedTokens / tokens)),
  }
  const load = { decodes: beside?.decodes ?? 0, context: beside?.context ?? 0 }
  const mixed = stepParts(layout, { ...load, chunks: [chunk] })
  const bare = beside ? sumParts(stepParts(layout, { ...load, chunks: [] })) : 0
  const one = Math.max(sumParts(mixed) - bare, 0.05 * sumParts(mixed))
  const total = (chunks * one) / chunk.count / 1e3
  const attention = (chunks * mixed.prefillAttention) / chunk.count / 1e3
  if (layout.dp === 1) return { total, attention, chunks, own: { total, attention } }
  const single = stepParts(layout, {
    decodes: 0,
    context: 0,
    chunks: [{ ...chunk, count: 1 }],
    promptRanks: 1,
  })
  const own = {
    total: (chunks * sumParts(single)) / 1e3,
    attention: (chunks * single.prefillAttention) / 1e3,
  }
  return { total, attention, chunks, own }
}

/** Layers whose kernels a prompt has launched one by one, by kind; times the share of it that shows. */
export const launchFeatures = (model: ModelFacts, shown = 1) => ({
  layerMs: shown * model.layers,
  expertLayerMs: shown * moeLayers(model),
  latentLayerMs: model.mla ? shown * model.layers : 0,
  linearLayerMs: shown * (model.linear?.layers ?? 0),
  sparseLayerMs: model.sparse ? shown * cachedLayers(model) : 0,
})

/** What a request finds when it comes. */
export interface Arrival {
  /** Sequences that the engine works on. */
  readonly running: number
  readonly stepMs: number
  /** Time until a place is free. */
  readonly waitMs: number
  /** Of its prompt, those in a cache as well. */
  readonly tokens: number
  /** Requests that come at random, a millisecond; null: they come as others leave. */
  readonly perMs: number | null
  /** `stepMs` is for one token: a step brings this many. Default 1. */
  readonly tokensPerStep?: number
  /** What users of a closed loop wait for their turn. Default 0. */
  readonly turnMs?: number
}

/** The time to the first token of a request whose prompt costs `alone` by itself. */
export function firstTokenFeatures(
  layout: Layout,
  alone: PrefillCost,
  arrival: Arrival,
): FirstTokenFeatures {
  const { running, stepMs, tokens, waitMs, perMs, tokensPerStep = 1, turnMs = 0 } = arrival
  const { model } = layout
  const { own } = alone
  // Launching a prompt's kernels shows as far as the device is done with them sooner.
  const launchMs = model.layers * launchLayerMs
  const shown = launchMs / (launchMs + own.total)
  const isOpen = perMs !== null
  const busy = Math.min(0.95, (perMs ?? 0) * alone.total)
  return {
    requestMs: 1,
    tokenMs: tokens / 1e3,
    ...launchFeatures(model, shown),
    prefill: own.total - own.attention,
    prefillAttention: own.attention,
    step: isOpen ? 0 : stepMs * tokensPerStep,
    openStep: isOpen ? stepMs * tokensPerStep : 0,
    turn: turnMs,
    queue: (alone.total * busy) / (1 - busy),
    wait: waitMs,
    sequenceMs: running / layout.dp,
  }
}

export const sumParts = (parts: StepParts): number =>
  Object.values(parts).reduce((sum: number, part: number) => sum + part, 0)

/** Feature × coefficient, summed. */
export function weigh<Part extends string>(
  features: { readonly [Key in Part]: number },
  coefficients: { readonly [Key in NoInfer<Part>]: number },
): number {
  let sum = 0
  for (const part in features) sum += features[part] * coefficients[part]
  return sum
}
