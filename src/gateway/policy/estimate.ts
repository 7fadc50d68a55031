/** Completion tokens taken for granted where the request does not bound them. */
const completionTokensDefault = 512

/** About four bytes of JSON a token, the field's rule of thumb; it counts structure as text, so it is high. */
export const estimatePromptTokens = (bytes: number): number => Math.ceil(bytes / 4)

/**
 * What to reserve at admission. `maxTokens` null: not bounded, then a default that never exceeds the limit itself,
 * so that a small limit can be used at all. Embeddings have no completion.
 */
export function estimateTokens(
  bytes: number,
  completion: { readonly maxTokens: number | null; readonly n: number } | null,
  tokensPerMinute: number | null,
): number {
  const prompt = estimatePromptTokens(bytes)
  if (!completion) return prompt
  if (completion.maxTokens !== null) return prompt + completion.maxTokens * completion.n
  const guess = prompt + completionTokensDefault * completion.n
  return tokensPerMinute === null ? guess : Math.max(prompt, Math.min(guess, tokensPerMinute))
}
