import type { StepCost } from './step-cost.ts'
import { nextPart, unreadTokens, type Part, type Sequence } from './sequence.ts'

/** How long one step may take: it bounds how long a cancelled request keeps its sequence, and how long others' streams pause while a prompt is read. */
export interface StepLimits {
  readonly batchTokens: number
  /** While nobody is being answered. */
  readonly aloneMs: number
  /** While others' answers wait. */
  readonly sharedMs: number
}

/**
 * The next step: one token of every answer under way, then as much of the waiting prompts, oldest first, as fits.
 * `cost`: of steps that read prompts, null before the first.
 */
export function planStep(
  busy: readonly Sequence[],
  limits: StepLimits,
  cost: StepCost | null,
): Part[] {
  const parts: Part[] = []
  for (const sequence of busy)
    if (sequence.work && unreadTokens(sequence) === 0)
      parts.push(nextPart(sequence, sequence.work, 1))
  const allowedMs = parts.length > 0 ? limits.sharedMs : limits.aloneMs
  const least = Math.max(parts.length + leastTokens, worthwhile(cost))
  const tiles = Math.max(
    Math.round(affordable(cost, allowedMs) / tileTokens),
    Math.ceil(least / tileTokens),
  )
  let budget = Math.min(limits.batchTokens, tiles * tileTokens) - parts.length
  const reading = busy
    .filter((sequence) => unreadTokens(sequence) > 0)
    .sort((a, b) => (a.work?.startedMs ?? 0) - (b.work?.startedMs ?? 0))
  for (const sequence of reading) {
    if (budget <= 0 || !sequence.work) break
    const part = nextPart(sequence, sequence.work, budget)
    budget -= part.tokens.length
    parts.push(part)
  }
  return parts
}

/** llama.cpp computes sequences together where each has the number after the one before, else apart. */
export function arrange(parts: readonly Part[], isSplit: boolean): Part[] {
  const sign = isSplit ? -1 : 1
  return parts.toSorted((a, b) => sign * (a.sequence.id - b.sequence.id))
}

/**
 * llama.cpp multiplies 16 rows at once where the weights are packed for that, and rows beyond one by one, each for up to
 * three times as much: 24 rows of the 1.1B model in Q4_0 take 1,050 ms and 32 take 1,090 (one thread, AVX-512).
 */
const tileTokens = 16
/** Of prompts, however long a step then takes: they must not starve beside answers. */
const leastTokens = 16
/** A first look at a model's speed. */
const probeTokens = 32

const affordable = (cost: StepCost | null, allowedMs: number): number =>
  cost ? (allowedMs - cost.fixedMs) / cost.msPerToken : probeTokens

/** From here on most of a step is work: weights that are dear to unpack are unpacked for enough tokens. */
const worthwhile = (cost: StepCost | null): number =>
  cost ? Math.min(worthwhileMax, cost.fixedMs / cost.msPerToken) : 0

/** Of a slow model this many tokens hold up others' answers for a second already. */
const worthwhileMax = 4 * tileTokens
