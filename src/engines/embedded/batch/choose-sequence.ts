/** A free sequence with what it still has in memory. */
export interface FreeSequence {
  readonly id: number
  readonly tokens: readonly number[]
  /** When it was last used, milliseconds. */
  readonly usedMs: number
}

export interface SequenceChoice {
  readonly id: number
  /** Tokens of the prompt that need not be computed again. */
  readonly reusable: number
}

/**
 * The free sequence whose memory is worth most to this prompt: tokens saved, less what is thrown away, which
 * counts half when fresh and fades with time. Without that loss every prompt would overwrite the one
 * conversation that shares its system line, while other sequences stand empty. Equal ones: the lowest id,
 * as llama.cpp batches neighbouring sequences in one go and others one by one.
 */
export function chooseSequence(
  free: readonly FreeSequence[],
  prompt: Uint32Array,
  nowMs: number,
): SequenceChoice | null {
  let best: SequenceChoice | null = null
  let bestWorth = -Infinity
  for (const sequence of free) {
    const reusable = commonPrefix(sequence.tokens, prompt)
    const lost = sequence.tokens.length - reusable
    const worth = reusable - (lost / 2) * 2 ** ((sequence.usedMs - nowMs) / fadeMs)
    const isBetter = worth > bestWorth || (worth === bestWorth && sequence.id < (best?.id ?? 0))
    if (!isBetter) continue
    bestWorth = worth
    best = { id: sequence.id, reusable }
  }
  return best
}

const fadeMs = 300_000

function commonPrefix(cached: readonly number[], prompt: Uint32Array): number {
  // The last token of a prompt is always computed: its logits are the first answer token.
  const limit = Math.min(cached.length, prompt.length - 1)
  let length = 0
  while (length < limit && cached[length] === prompt[length]) length++
  return Math.max(0, length)
}
