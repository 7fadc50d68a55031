import type { Random } from '../../core/random.ts'
import { drawTarget } from './choose.ts'
import type { Choice, ReplicaView, RouteView, TargetView } from './policy.ts'
import { blockBytes, sharedBlocks, type PrefixIndex } from './prefix-index.ts'

/** A replica of a pair: what this gateway has sent there is counted in tokens. */
export interface PairedView extends ReplicaView {
  /** Where prompts are read: those that are still to be read. Where answers are written: what they hold in memory at most. */
  tokensInFlight: number
}

export interface PairedRoute extends RouteView {
  readonly replicas: readonly PairedView[]
}

export interface Prompt {
  readonly tokens: number
  readonly bytes: number
  /** Names of its blocks (`prefix-index.ts`). */
  readonly blocks: readonly number[]
}

export interface PrefillChoice {
  /** Index into the replicas of the view. */
  readonly replica: number
  readonly reason: 'only-one' | 'least-to-read' | 'prefix-read-there' | 'already-tried'
  /** What it has to read of this prompt, tokens: less than all where it has read its beginning before. */
  readonly tokens: number
}

/**
 * Who reads a prompt: the replica that will have read it first, by what waits there and what of this prompt it has not
 * read before. So a prompt goes where its beginning was read, as long as the queue there is shorter than what is saved.
 * Null: none is available.
 */
export function choosePrefill(
  view: PairedRoute,
  prompt: Prompt,
  index: PrefixIndex,
  tried: readonly string[],
  random: Random,
): PrefillChoice | null {
  const target = drawTarget(view, tried, random)
  if (!target) {
    const again = tried.length > 0 ? choosePrefill(view, prompt, index, [], random) : null
    return again && { ...again, reason: 'already-tried' }
  }
  const tokensOfBlock = (blockBytes * prompt.tokens) / Math.max(1, prompt.bytes)
  const toRead = ({ id }: ReplicaView): number =>
    Math.max(1, prompt.tokens - sharedBlocks(index, prompt.blocks, id) * tokensOfBlock)
  const { replica, usable } = least(view, target, tried, random, toRead)
  const tokens = toRead(view.replicas[replica]!)
  const hasPrefix = tokens < prompt.tokens - 1
  const reason = usable === 1 ? 'only-one' : hasPrefix ? 'prefix-read-there' : 'least-to-read'
  return { replica, reason, tokens }
}

/** Who writes an answer: the replica whose answers under way hold the fewest tokens in memory. Null: none is available. */
export function chooseDecode(
  view: PairedRoute,
  tried: readonly string[],
  random: Random,
  wanted = -1,
): Choice | null {
  const own = wanted < 0 ? null : drawTarget(view, tried, random, view.targets[wanted])
  const target = own ?? drawTarget(view, tried, random)
  if (!target) {
    const again = tried.length > 0 ? chooseDecode(view, [], random, wanted) : null
    return again && { ...again, reason: 'already-tried' }
  }
  const { replica, usable } = least(view, target, tried, random, () => 0)
  return { replica, reason: usable === 1 ? 'only-one' : 'less-loaded' }
}

/** Ties go to any of them, so that gateways that know nothing of each other do not all begin with the first. */
function least(
  { replicas }: PairedRoute,
  { from, to }: TargetView,
  tried: readonly string[],
  random: Random,
  more: (replica: ReplicaView) => number,
): { readonly replica: number; readonly usable: number } {
  const count = to - from
  const shift = Math.floor(random() * count)
  let best = -1
  let bestTokens = Infinity
  let usable = 0
  for (let step = 0; step < count; step++) {
    const at = from + ((step + shift) % count)
    const replica = replicas[at]!
    if (!replica.isAvailable || tried.includes(replica.id)) continue
    usable++
    const tokens = replica.tokensInFlight + more(replica)
    if (tokens >= bestTokens) continue
    best = at
    bestTokens = tokens
  }
  return { replica: best, usable }
}
