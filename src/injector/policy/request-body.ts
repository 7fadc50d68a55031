import type { InjectionSpec } from '../../contract/injection.ts'
import { syntheticText } from './workload/synthetic-text.ts'
import type { Schedule } from './workload/schedule.ts'

/** A prompt of a dataset: one text a turn, or a whole list of messages. */
export interface DatasetPrompt {
  readonly turns: readonly string[]
  readonly system?: string
}

export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export interface BodySources {
  readonly spec: InjectionSpec
  readonly schedule: Schedule
  readonly dataset: readonly DatasetPrompt[]
  /** Prompt blocks by row of the recording (Mooncake): equal ids, equal text. */
  readonly prefixBlocks: readonly (readonly number[])[] | null
  /** Correction for words that are more than one token; measured before the run. */
  readonly wordsPerToken: number
  /** Tokens that the server's template adds to every prompt. */
  readonly templateTokens: number
}

/** Tokens in one block of a Mooncake trace. */
const blockTokens = 512

/** The new text of one request; in a conversation, of one turn. */
export function promptOf(sources: BodySources, entry: number, request: number): string {
  const { spec, schedule, dataset, wordsPerToken } = sources
  const row = schedule.rows[entry]!
  if (dataset.length > 0) {
    const turns = dataset[row % dataset.length]!.turns
    return turns[(entry % schedule.turns) % turns.length]!
  }
  const blocks = sources.prefixBlocks?.[row]
  const wanted = Math.max(1, schedule.inputTokens[entry]! - sources.templateTokens)
  if (blocks && blocks.length > 0) {
    const text = blocks.map((block) =>
      syntheticText(spec.seed, `block ${block}`, Math.min(blockTokens, wanted), wordsPerToken),
    )
    return text.join('').trimStart()
  }
  const shared = schedule.prefixGroups[entry]! >= 0 ? (spec.workload.sharedPrefix?.tokens ?? 0) : 0
  const own = syntheticText(
    spec.seed,
    `prompt ${request}`,
    Math.max(1, wanted - shared),
    wordsPerToken,
  )
  return own.trimStart()
}

/** The beginning that a group of requests shares; '' where there is none. */
export function sharedPrefixOf(
  { spec, schedule, wordsPerToken }: BodySources,
  entry: number,
): string {
  const group = schedule.prefixGroups[entry]!
  const { sharedPrefix } = spec.workload
  return group < 0 || sharedPrefix === null
    ? ''
    : syntheticText(spec.seed, `prefix ${group}`, sharedPrefix.tokens, wordsPerToken).trimStart()
}

/** The JSON body of a request. `messages`: the conversation so far, the new text last. */
export function requestBody(
  spec: InjectionSpec,
  model: string,
  outputTokens: number,
  messages: readonly Message[],
): string {
  const { request } = spec
  const text = () => messages.map(({ content }) => content).join('\n')
  const sampling = {
    ...(request.temperature === null ? {} : { temperature: request.temperature }),
    ...(request.ignoresEos ? { ignore_eos: true, min_tokens: outputTokens } : {}),
    ...request.extraBody,
  }
  const streaming = request.isStreaming
    ? { stream: true, stream_options: { include_usage: true } }
    : {}
  switch (spec.endpoint) {
    case 'chat':
      return JSON.stringify({
        model,
        messages,
        max_tokens: outputTokens,
        ...streaming,
        ...sampling,
      })
    case 'completions':
      return JSON.stringify({
        model,
        prompt: text(),
        max_tokens: outputTokens,
        ...streaming,
        ...sampling,
      })
    case 'responses':
      return JSON.stringify({
        model,
        input: messages,
        max_output_tokens: outputTokens,
        ...(request.isStreaming ? { stream: true } : {}),
        ...sampling,
      })
    case 'embeddings':
      return JSON.stringify({ model, input: text(), ...request.extraBody })
  }
}
