import type { RequestTable } from '../request-table.ts'
import { clearStepLoad, createStepLoad, type StepLoad } from './step-load.ts'

/** What one rank does in one step. */
export interface Batch {
  count: number
  readonly requests: Int32Array
  readonly tokens: Int32Array
  readonly works: Uint8Array
  /** The request's epoch when it was put in: another one later means that it was thrown out since. */
  readonly epochs: Int32Array
  readonly load: StepLoad
}

/** What a request does in a step. All but the first end with a token. */
export const work = { partOfPrompt: 0, restOfPrompt: 1, decode: 2 } as const

export const createBatch = (sequencesMax: number): Batch => ({
  count: 0,
  requests: new Int32Array(sequencesMax),
  tokens: new Int32Array(sequencesMax),
  works: new Uint8Array(sequencesMax),
  epochs: new Int32Array(sequencesMax),
  load: createStepLoad(sequencesMax),
})

/** Adds up what the step has to compute; false where nothing is left of the batch. */
export function measureBatch(batch: Batch, requests: RequestTable): boolean {
  const { load, tokens, works, epochs } = batch
  const { computed, epoch } = requests
  clearStepLoad(load)
  // Summed in locals: this loop runs once for every token of the run.
  let { decodes, decodeTokens, contextTokens, contextMax, chunks, prefillTokens, sampled } = load
  for (let at = 0; at < batch.count; at++) {
    const id = batch.requests[at]!
    if (epoch[id] !== epochs[at]) continue
    const queries = tokens[at]!
    if (works[at] === work.decode) {
      const context = computed[id]! + queries - 1
      decodes++
      decodeTokens += queries
      contextTokens += context
      if (context > contextMax) contextMax = context
      sampled++
      continue
    }
    load.chunkTokens[chunks] = queries
    load.chunkPast[chunks++] = computed[id]! - queries
    prefillTokens += queries
    if (works[at] === work.restOfPrompt) sampled++
  }
  load.decodes = decodes
  load.decodeTokens = decodeTokens
  load.contextTokens = contextTokens
  load.contextMax = contextMax
  load.chunks = chunks
  load.prefillTokens = prefillTokens
  load.sampled = sampled
  return sampled > 0 || chunks > 0
}

/** Tokens of those that are still in it. */
export function liveTokens(batch: Batch, requests: RequestTable): number {
  let sum = 0
  for (let at = 0; at < batch.count; at++)
    if (requests.epoch[batch.requests[at]!] === batch.epochs[at]) sum += batch.tokens[at]!
  return sum
}
