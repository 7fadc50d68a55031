import type { GenerationEnd } from '../batch/generation.ts'

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly prompt_tokens_details: { readonly cached_tokens: number }
}

/** Several answers to one prompt count the prompt once, as OpenAI does; several prompts count each. */
export function sumUsage(
  promptTokens: number,
  ends: readonly GenerationEnd[],
  answersPerPrompt: number,
): Usage {
  const completionTokens = ends.reduce((sum, end) => sum + end.generatedTokens, 0)
  const cachedTokens = ends
    .filter((_, index) => index % answersPerPrompt === 0)
    .reduce((sum, end) => sum + end.cachedTokens, 0)
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  }
}
