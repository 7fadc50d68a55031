import type { InjectionSpec } from '../../contract/injection-spec.ts'
import { textOf, type Message, type Tool } from './workload/message.ts'

/** What one request asks for. */
export interface Ask {
  readonly model: string
  /** The conversation so far, what is new last. */
  readonly messages: readonly Message[]
  readonly tools: readonly Tool[]
  readonly outputTokens: number
}

/** The JSON body of a request. */
export function requestBody(spec: InjectionSpec, ask: Ask): string {
  const { request } = spec
  const { model, messages, outputTokens } = ask
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
        ...(ask.tools.length > 0 ? { tools: ask.tools } : {}),
        max_tokens: outputTokens,
        ...streaming,
        ...sampling,
      })
    case 'completions':
      return JSON.stringify({
        model,
        prompt: joined(messages),
        max_tokens: outputTokens,
        ...streaming,
        ...sampling,
      })
    case 'responses':
      return JSON.stringify({
        model,
        input: messages.flatMap(responsesItems),
        ...(ask.tools.length > 0 ? { tools: ask.tools.map(responsesTool) } : {}),
        max_output_tokens: outputTokens,
        ...(request.isStreaming ? { stream: true } : {}),
        ...sampling,
      })
    case 'embeddings':
      return JSON.stringify({ model, input: joined(messages), ...request.extraBody })
  }
}

const joined = (messages: readonly Message[]): string => messages.map(textOf).join('\n')

/** The Responses API has calls and their results as items of their own, and names the parts of a message anew. */
function responsesItems(message: Message): object[] {
  const { role, content, tool_calls = [], tool_call_id } = message
  if (role === 'tool')
    return [{ type: 'function_call_output', call_id: tool_call_id ?? '', output: textOf(message) }]
  const parts =
    content === null || typeof content === 'string'
      ? content
      : content.map((part) =>
          part.type === 'text'
            ? { type: role === 'assistant' ? 'output_text' : 'input_text', text: part.text }
            : { type: 'input_image', image_url: part.image_url.url },
        )
  return [
    ...(parts === null || parts === '' ? [] : [{ role, content: parts }]),
    ...tool_calls.map((call) => ({
      type: 'function_call',
      call_id: call.id,
      name: call.function.name,
      arguments: call.function.arguments,
    })),
  ]
}

/** A function stands flat in the Responses API. */
function responsesTool(tool: Tool): object {
  const described = tool['function']
  return typeof described === 'object' && described !== null
    ? { type: 'function', ...described }
    : tool
}
