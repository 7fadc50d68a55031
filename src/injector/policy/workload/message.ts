/** One message of a conversation in the form of OpenAI's chat API, which every other form is made from. */
export interface Message {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool'
  readonly content: string | readonly ContentPart[] | null
  readonly tool_calls?: readonly ToolCall[]
  /** Of a tool result: which call it answers. */
  readonly tool_call_id?: string
}

export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } }

export interface ToolCall {
  readonly id: string
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: string }
}

/** A tool that a request offers, as the chat API has it. */
export type Tool = Readonly<Record<string, unknown>>

/** The text of a message, images left out. */
export function textOf({ content, tool_calls }: Message): string {
  const calls = (tool_calls ?? []).map((call) => call.function.arguments)
  const parts =
    typeof content === 'string' || content === null ? [content ?? ''] : content.map(partText)
  return [...parts, ...calls].filter((text) => text !== '').join('\n')
}

/** Pictures of all messages. */
export const imagesOf = (messages: readonly Message[]): number =>
  messages.reduce(
    (sum, { content }) =>
      sum +
      (Array.isArray(content) ? content.filter(({ type }) => type === 'image_url').length : 0),
    0,
  )

const partText = (part: ContentPart): string => (part.type === 'text' ? part.text : '')
