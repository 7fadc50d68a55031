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
 * `promptMsPerToken`: measured, null before the first.
 */
export function planStep(
  busy: readonly Sequence[],
  limits: StepLimits,
  promptMsPerToken: number | null,
): Part[] {
  const parts: Part[] = []
  for (const sequence of busy)
    if (sequence.work && unreadTokens(sequence) === 0)
      parts.push(nextPart(sequence, sequence.work, 1))
  const allowedMs = parts.length > 0 ? limits.sharedMs : limits.aloneMs
  const affordable = promptMsPerToken === null ? probeTokens : allowedMs / promptMsPerToken
  const room = limits.batchTokens - parts.length
  let budget = Math.min(room, Math.max(leastTokens, Math.floor(affordable)))
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

/** Below this a step is mostly overhead. */
const leastTokens = 16
/** A first look at a model's speed. */
const probeTokens = 32
