import type { MemoryRules } from '../../core/engine-model.ts'
import { cachedLayers } from '../model-facts.ts'
import type { Layout } from '../step/step-time.ts'
import { blockBytes, sequenceKvBytes } from './kv-cache.ts'
import { weightBytesPerDevice } from './weights.ts'

export interface MemoryBudget {
  readonly deviceBytes: number
  readonly share: number
  readonly weightBytes: number
  readonly workspaceBytes: number
  /** Of that, what is beside the model: a draft, adapters, a neighbour; less than nothing where weights lie elsewhere. */
  readonly besideBytes: number
  /** What is left for the cache of one device; negative where the model does not fit. */
  readonly kvBytes: number
  /** Of that, what lies in host memory. */
  readonly kvElsewhereBytes: number
  readonly kvBlocks: number
}

/** Share of every cache that lies out of the device's memory, and the bytes that are there for it, by device. */
export interface CacheElsewhere {
  readonly share: number
  readonly bytes: number
}

export interface MemoryAsk {
  readonly share: number | null
  readonly batchedTokens: number
  /** Bytes on each device beside the model: a draft, adapters. */
  readonly besideBytes?: number
  /** Layers with a cache of the same kind beside the model's own: those of a draft. */
  readonly besideLayers?: number
  readonly cacheElsewhere?: CacheElsewhere | undefined
}

/** Where the memory of one device goes, as the engine counts it. */
export function memoryBudget(layout: Layout, rules: MemoryRules, ask: MemoryAsk): MemoryBudget {
  const deviceBytes = layout.device.memoryBytes
  const weights = weightBytesPerDevice(layout)
  const workspace = workspaceBytes(layout, rules, ask.batchedTokens) + (ask.besideBytes ?? 0)
  const left = (share: number) =>
    rules.shareOf === 'device'
      ? deviceBytes * share - weights - workspace
      : (deviceBytes - weights - workspace) * share
  let share = ask.share ?? rules.defaultShare
  if (ask.share === null && left(share) < deviceBytes * 0.08) share = rules.highestShare
  const layers = cachedLayers(layout.model)
  // What is left holds the caches of both; the model's own part of it is what counts.
  const here = left(share) * (layers / (layers + (ask.besideLayers ?? 0) || 1))
  const kvBytes = withElsewhere(here, ask.cacheElsewhere)
  const block = blockBytes(layout, rules.blockTokens)
  const blocks = block > 0 ? Math.floor(kvBytes / block) - rules.reservedBlocks : 0
  return {
    deviceBytes,
    share,
    weightBytes: weights,
    workspaceBytes: workspace,
    besideBytes: ask.besideBytes ?? 0,
    kvBytes,
    kvElsewhereBytes: kvBytes > 0 ? kvBytes * (ask.cacheElsewhere?.share ?? 0) : 0,
    kvBlocks: Math.max(0, blocks),
  }
}

/** Each sequence has its share in both places: whichever is full first is the limit. */
function withElsewhere(here: number, elsewhere: CacheElsewhere | undefined): number {
  if (!elsewhere || here <= 0) return here
  return Math.min(here / (1 - elsewhere.share), elsewhere.bytes / elsewhere.share)
}

/** Sequences of `tokens` tokens that the caches of all ranks hold together. */
export function sequenceCapacity(layout: Layout, budget: MemoryBudget, tokens: number): number {
  const bytes = sequenceKvBytes(layout, tokens)
  return bytes > 0 ? Math.max(0, (budget.kvBytes / bytes) * layout.dp) : Number.POSITIVE_INFINITY
}

function workspaceBytes(layout: Layout, rules: MemoryRules, batchedTokens: number): number {
  const { model, tp } = layout
  const width = 2 * model.hidden + (3 * (model.moe?.intermediate ?? model.intermediate)) / tp
  const beyond = Math.max(0, batchedTokens - rules.freeBatchedTokens)
  return (
    rules.workspaceBytes +
    model.vocab * rules.bytesPerVocabularyEntry +
    beyond * width * rules.bytesPerActivation +
    (model.extraParameters > 0 ? rules.visionBytes : 0)
  )
}
