import type { Distribution } from '../model/session.ts'
import type { Vocabulary } from '../model/vocabulary.ts'

/** One token with its log probability, in the form of chat completions. */
export interface TokenLogprob {
  readonly token: string
  readonly logprob: number
  readonly bytes: number[]
}

export interface ChosenLogprob extends TokenLogprob {
  readonly top_logprobs: readonly TokenLogprob[]
}

/** The token and its `top` likeliest rivals under the model's own distribution. */
export function describeChoice(
  vocabulary: Vocabulary,
  token: number,
  distribution: Distribution,
  top: number,
): ChosenLogprob {
  const at = distribution.tokens.indexOf(token)
  const describe = (index: number): TokenLogprob =>
    describeToken(
      vocabulary,
      distribution.tokens[index] ?? token,
      distribution.probabilities[index] ?? 0,
    )
  return {
    ...describe(at),
    top_logprobs: Array.from({ length: Math.min(top, distribution.tokens.length) }, (_, index) =>
      describe(index),
    ),
  }
}

function describeToken(vocabulary: Vocabulary, token: number, probability: number): TokenLogprob {
  const bytes = vocabulary.bytesOf(token)
  const isControl = bytes.length === 0
  return {
    token: isControl ? vocabulary.nameOf(token) : Buffer.from(bytes).toString('utf8'),
    // JSON has no -Infinity; OpenAI and vLLM write this floor.
    logprob: probability > 0 ? Math.max(-9999, Math.log(probability)) : -9999,
    bytes: [...bytes],
  }
}
