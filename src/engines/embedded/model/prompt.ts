import { AppError } from '../../../core/errors.ts'
import type { ChatTemplate } from './chat-template.ts'
import type { ModelFacts } from './model-facts.ts'
import type { Vocabulary } from './vocabulary.ts'

/** Text to the tokens a model expects, with its first token where it wants one. */
export interface PromptReader {
  /** A rendered chat: the template usually writes BOS itself. */
  chat(rendered: string): Uint32Array
  /** A raw prompt. */
  text(text: string): Uint32Array
  /** A text to embed, framed as the model was trained. */
  embedding(text: string): Uint32Array
  /** Tokens that the client made itself, as they are. Throws `request/invalid` where the model lacks one. */
  tokens(tokens: readonly number[], param: string): Uint32Array
}

export function createPromptReader(
  vocabulary: Vocabulary,
  facts: Pick<ModelFacts, 'addsBos' | 'embeddingFrame'>,
  template: ChatTemplate,
): PromptReader {
  const { bosToken } = vocabulary
  const tokenize = (text: string): Uint32Array => vocabulary.tokenize(text)
  const startWithBos = (tokens: Uint32Array): Uint32Array =>
    bosToken === null || tokens[0] === bosToken ? tokens : join([bosToken], tokens, [])
  // Some files say "no BOS" because every chat starts with it by way of the template. Such a model never saw a
  // text without, and a raw prompt without it gets nonsense.
  const isChatWithBos = bosToken !== null && firstChatToken(vocabulary, template) === bosToken
  const wantsBos = facts.addsBos || isChatWithBos
  const { before, after } = facts.embeddingFrame
  return {
    chat: (rendered) => (facts.addsBos ? startWithBos(tokenize(rendered)) : tokenize(rendered)),
    text: (text) => (wantsBos ? startWithBos(tokenize(text)) : tokenize(text)),
    embedding: (text) => join(before, tokenize(text), after),
    tokens(tokens, param) {
      const unknown = tokens.find((token) => token >= vocabulary.size)
      if (unknown === undefined) return Uint32Array.from(tokens)
      throw new AppError('request/invalid', {
        message: `${param}: there is no token ${unknown}; the model has ${vocabulary.size}`,
        param,
      })
    },
  }
}

function join(
  before: readonly number[],
  tokens: Uint32Array,
  after: readonly number[],
): Uint32Array {
  const joined = new Uint32Array(before.length + tokens.length + after.length)
  joined.set(before, 0)
  joined.set(tokens, before.length)
  joined.set(after, before.length + tokens.length)
  return joined
}

function firstChatToken(vocabulary: Vocabulary, template: ChatTemplate): number | undefined {
  try {
    return vocabulary.tokenize(template.render({ messages: [{ role: 'user', content: 'Hi' }] }))[0]
  } catch {
    return undefined
  }
}
