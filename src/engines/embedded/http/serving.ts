import type { ServerResponse } from 'node:http'
import type { BatchLoop } from '../batch/batch-loop.ts'
import type { EmbedLoop } from '../batch/embed-loop.ts'
import type { ChatTemplate } from '../model/chat-template.ts'
import type { PromptReader } from '../model/prompt.ts'
import type { Vocabulary } from '../model/vocabulary.ts'
import type { SamplingDefaults } from './sampling.ts'

/** A loaded model with everything that answers requests. */
export interface Serving {
  readonly name: string
  readonly contextTokens: number
  readonly embeddingLength: number
  readonly vocabulary: Vocabulary
  readonly template: ChatTemplate
  readonly prompts: PromptReader
  readonly sampling: SamplingDefaults
  /** GBNF in, whether llama.cpp can read it. */
  acceptsGrammar(grammar: string): boolean
  /** Null: it only embeds. */
  readonly generations: BatchLoop | null
  /** Null: it only generates. */
  readonly embeddings: EmbedLoop | null
  /** Before an answer ends. Resolves with what a whole one becomes. */
  beforeEnd?(): Promise<(answer: WholeAnswer) => object>
}

/** What is sent where nobody asked for a stream. */
export interface WholeAnswer {
  readonly choices: readonly object[]
}

/** Answers one request; throws AppError while nothing has been sent. */
export type Handler = (serving: Serving, body: unknown, response: ServerResponse) => Promise<void>
