import type { FaultSpec } from '../../../contract/fault.ts'
import { createRandom } from '../../../core/random.ts'
import { streamSeed } from '../statistics/draw.ts'

/**
 * After how many events the plan lets the user of a request walk away; Infinity: never. Decided by when the request was
 * meant to begin and by the seed alone, so that every thread and machine decides alike.
 */
export function abandonedAfter(
  faults: readonly FaultSpec[],
  seed: number,
  request: number,
  intendedMs: number,
): number {
  let after = Infinity
  for (const { action, atMs, forMs } of faults) {
    if (action.kind !== 'abandon' || intendedMs < atMs || intendedMs >= atMs + forMs) continue
    const isHit =
      action.share >= 1 || createRandom(streamSeed(seed, `abandon ${request}`))() < action.share
    if (isHit) after = Math.min(after, action.afterEvents)
  }
  return after
}
