import type { InjectionSpec } from '../../../contract/injection-spec.ts'
import { createRandom } from '../../../core/random.ts'
import { streamSeed } from '../statistics/draw.ts'
import { drawLength } from './lengths.ts'
import type { ContentPart, Message, Tool } from './message.ts'
import type { Schedule } from './schedule.ts'
import type { Session } from './session.ts'
import { syntheticImage, type ImageTemplate } from './synthetic-image.ts'
import { syntheticText } from './synthetic-text.ts'

/** A prompt of a dataset. */
export interface DatasetPrompt {
  /** One a turn: a text, or messages that stand as they are (tool results, images). */
  readonly turns: readonly (string | readonly Message[])[]
  readonly system?: string
  readonly tools?: readonly Tool[]
}

/** Everything that prompts are made from. */
export interface PromptSources {
  readonly spec: InjectionSpec
  readonly schedule: Schedule
  readonly dataset: readonly DatasetPrompt[]
  /** Recorded sessions; null: sessions are conversations as the spec says. */
  readonly sessions: readonly Session[] | null
  /** Prompt blocks by row of the recording (Mooncake): equal ids, equal text. */
  readonly prefixBlocks: readonly (readonly number[])[] | null
  readonly imageTemplate: ImageTemplate | null
  /** Correction for words that are more than one token; measured before the run. */
  readonly wordsPerToken: number
  /** Tokens that the server's template adds to every prompt. */
  readonly templateTokens: number
}

/** Tokens in one block of a Mooncake trace. */
const blockTokens = 512

/** What a request adds to its conversation, a new one beginning with its system prompt. */
export function promptOf(sources: PromptSources, entry: number, request: number): Message[] {
  const { schedule, dataset } = sources
  const turn = schedule.turns[entry]!
  const row = dataset[schedule.rows[entry]! % (dataset.length || 1)]
  const given = row?.turns[turn % row.turns.length]
  const messages =
    given === undefined || typeof given === 'string'
      ? syntheticMessages(sources, given ?? syntheticPrompt(sources, entry, request), request)
      : [...given]
  if (turn > 0) return messages
  const system = [row?.system, sharedPrefixOf(sources, entry)].filter(Boolean).join('\n')
  return system === '' ? messages : [{ role: 'system', content: system }, ...messages]
}

/** Tools that a request offers. */
export function toolsOf(sources: PromptSources, entry: number): readonly Tool[] {
  const { schedule, dataset, sessions, spec } = sources
  const row = schedule.rows[entry]!
  if (sessions) return sessions[row % sessions.length]!.tools ?? []
  if (dataset.length > 0) return dataset[row % dataset.length]!.tools ?? []
  return spec.workload.toolResults === null ? [] : [lookUp]
}

/** A text with the images and tool results that the spec puts around it. */
function syntheticMessages(
  { spec, imageTemplate, wordsPerToken }: PromptSources,
  text: string,
  request: number,
): Message[] {
  const { images, toolResults } = spec.workload
  const user: Message =
    images === null || imageTemplate === null
      ? { role: 'user', content: text }
      : {
          role: 'user',
          content: [
            ...Array.from({ length: images.perRequest }, (_, index): ContentPart => {
              const seed = streamSeed(textSeedOf(spec), `image ${request} ${index}`)
              return { type: 'image_url', image_url: { url: syntheticImage(imageTemplate, seed) } }
            }),
            { type: 'text', text },
          ],
        }
  if (toolResults === null) return [user]
  const random = createRandom(streamSeed(spec.seed, `tool results ${request}`))
  const calls = Array.from({ length: toolResults.count }, (_, index) => ({
    id: `call_${request}_${index}`,
    type: 'function' as const,
    function: { name: 'look_up', arguments: `{"query":"${index}"}` },
  }))
  return [
    user,
    { role: 'assistant', content: null, tool_calls: calls },
    ...calls.map(({ id }): Message => {
      const tokens = drawLength(toolResults.tokens, random)
      const content = syntheticText(
        textSeedOf(spec),
        `result ${id}`,
        tokens,
        wordsPerToken,
      ).trimStart()
      return { role: 'tool', tool_call_id: id, content }
    }),
  ]
}

function syntheticPrompt(sources: PromptSources, entry: number, request: number): string {
  const { spec, schedule, wordsPerToken } = sources
  const wanted = Math.max(1, schedule.inputTokens[entry]! - sources.templateTokens)
  const blocks = sources.prefixBlocks?.[schedule.rows[entry]!]
  if (blocks && blocks.length > 0) {
    // The last block is as long as is left: the beginning of what others may have whole.
    const texts = blocks.map((block, index) =>
      syntheticText(
        textSeedOf(spec),
        `block ${block}`,
        Math.min(blockTokens, Math.max(1, wanted - index * blockTokens)),
        wordsPerToken,
      ),
    )
    return texts.join('').trimStart()
  }
  const shared = schedule.prefixGroups[entry]! >= 0 ? (spec.workload.sharedPrefix?.tokens ?? 0) : 0
  const own = Math.max(1, wanted - shared)
  return syntheticText(textSeedOf(spec), `prompt ${request}`, own, wordsPerToken).trimStart()
}

/** The beginning that a group of requests shares; '' where there is none. */
function sharedPrefixOf({ spec, schedule, wordsPerToken }: PromptSources, entry: number): string {
  const group = schedule.prefixGroups[entry]!
  const { sharedPrefix } = spec.workload
  return group < 0 || sharedPrefix === null
    ? ''
    : syntheticText(
        textSeedOf(spec),
        `prefix ${group}`,
        sharedPrefix.tokens,
        wordsPerToken,
      ).trimStart()
}

const textSeedOf = ({ seed, workload }: InjectionSpec): number => workload.textSeed ?? seed

const lookUp: Tool = {
  type: 'function',
  function: {
    name: 'look_up',
    description: 'Finds what is known about a subject.',
    parameters: {
      type: 'object',
      properties: { query: { type: 'string' } },
      required: ['query'],
    },
  },
}
