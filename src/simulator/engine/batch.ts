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
  /** Step of the decode lane that is part of it, and its tokens; -1: none is. Its members are not listed here. */
  laneStep: number
  laneTokens: number
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
  laneStep: -1,
  laneTokens: 0,
  load: createStepLoad(sequencesMax),
})

export function clearBatch(batch: Batch): void {
  batch.count = 0
  batch.laneStep = -1
  clearStepLoad(batch.load)
}

export const isEmptyBatch = (batch: Batch): boolean => batch.count === 0 && batch.laneStep < 0

export function putInBatch(
  batch: Batch,
  id: number,
  epoch: number,
  tokens: number,
  what: number,
): void {
  const at = batch.count++
  batch.requests[at] = id
  batch.epochs[at] = epoch
  batch.tokens[at] = tokens
  batch.works[at] = what
}

/** Adds up what the step has to compute; false where nothing is left of the batch. */
export function measureBatch(batch: Batch, requests: RequestTable): boolean {
  const { load, tokens, works, epochs } = batch
  const { computed, epoch } = requests
  // A lane that is part of the step has been counted; one that was dissolved since is listed.
  if (batch.laneStep < 0) clearStepLoad(load)
  for (let at = 0; at < batch.count; at++) {
    const id = batch.requests[at]!
    if (epoch[id] !== epochs[at]) continue
    const queries = tokens[at]!
    if (works[at] === work.decode) {
      const context = computed[id]! + queries - 1
      load.decodes++
      load.decodeTokens += queries
      load.contextTokens += context
      if (context > load.contextMax) load.contextMax = context
      load.sampled++
      continue
    }
    load.chunkTokens[load.chunks] = queries
    load.chunkPast[load.chunks++] = computed[id]! - queries
    load.prefillTokens += queries
    if (works[at] === work.restOfPrompt) load.sampled++
  }
  return load.sampled > 0 || load.chunks > 0
}

/** Tokens of those that are still in it. */
export function liveTokens(batch: Batch, requests: RequestTable): number {
  let sum = batch.laneStep < 0 ? 0 : batch.laneTokens
  for (let at = 0; at < batch.count; at++)
    if (requests.epoch[batch.requests[at]!] === batch.epochs[at]) sum += batch.tokens[at]!
  return sum
}
