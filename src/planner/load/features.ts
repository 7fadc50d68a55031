import type { FirstTokenCoefficients, StepCoefficients } from '../../core/engine-model.ts'
import { cachedLayers, moeLayers } from '../model-facts.ts'
import { type Layout, type PrefillChunk, stepParts, type StepParts } from '../step/step-time.ts'

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
  return {
    total: (chunks * one) / chunk.count / 1e3,
    attention: (chunks * mixed.prefillAttention) / chunk.count / 1e3,
    chunks,
  }
}

/** What a request finds when it comes. */
export interface Arrival {
  /** Sequences that the engine works on. */
  readonly running: number
  readonly stepMs: number
  /** Time until a place is free. */
  readonly waitMs: number
  /** Requests come at random, not as others leave. */
  readonly isOpen: boolean
  /** `stepMs` is for one token: a step brings this many. Default 1. */
  readonly tokensPerStep?: number
  /** Prompts that are read before its first token beside its own, because they came with it. */
  readonly companions?: number
  /** Steps after which the engine looks for requests. Default 1. */
  readonly recvInterval?: number
}

/** The time to the first token of a request whose prompt costs `alone` by itself. */
export function firstTokenFeatures(
  layout: Layout,
  alone: PrefillCost,
  osl: number,
  arrival: Arrival,
): FirstTokenFeatures {
  const { running, stepMs, waitMs, isOpen, tokensPerStep = 1, companions = 0 } = arrival
  const { recvInterval = 1 } = arrival
  const own = alone.total - alone.attention
  const cycleMs = stepMs * osl + alone.total
  const busy = Math.min(0.95, (running / cycleMs) * alone.total)
  // A burst prefills one prompt after another; those behind wait for about half of them.
  const cohort = isOpen ? 0 : Math.max(0, running - 1)
  return {
    requestMs: 1,
    layerMs: layout.model.layers,
    prefill: own,
    prefillAttention: alone.attention,
    step: isOpen ? 0 : stepMs * tokensPerStep,
    openStep: isOpen ? stepMs * tokensPerStep : 0,
    unseen: (stepMs * tokensPerStep * (recvInterval - 1)) / 2,
    cohort: cohort * own,
    cohortAttention: cohort * alone.attention,
    cohortShort: cohort * alone.total * Math.min(1, 128 / osl),
    companions: companions * alone.total,
    queue: queueMs(layout, alone.total, busy, isOpen ? null : running),
    wait: waitMs,
    sequenceMs: running / layout.dp,
  }
}

/**
 * Waiting behind other prompts, as at a single server. Users who wait for their answers (`users`) can't have more prompts
 * before them than there are users; that binds where prompts take most of the time, as on a processor. Coefficients of
 * accelerators were fitted without the bound and carry what it would change.
 */
function queueMs(layout: Layout, promptMs: number, busy: number, users: number | null): number {
  const unbounded = (promptMs * busy) / (1 - busy)
  return users !== null && layout.device.architecture === 'cpu'
    ? Math.min(unbounded, users * promptMs)
    : unbounded
}

export const sumParts = (parts: StepParts): number =>
  Object.values(parts).reduce((sum: number, part: number) => sum + part, 0)

/** Feature × coefficient, summed. */
export function weigh<Part extends string>(
  features: { readonly [Key in Part]: number },
  coefficients: { readonly [Key in Part]: number },
): number {
  let sum = 0
  for (const part in features) sum += features[part] * coefficients[part]
  return sum
}
