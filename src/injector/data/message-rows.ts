import type { ContentPart, Message, Tool, ToolCall } from '../policy/workload/message.ts'
import { cellText, type Row } from './table.ts'

/**
 * A message as files have it: of OpenAI's chat API, of OpenTelemetry's GenAI conventions (`parts`), or of ShareGPT
 * (`from`, `value`). Null: it is none.
 */
export function messageOf(value: unknown): Message | null {
  if (!isRow(value)) return null
  const role = roles[cellText(value['role'] ?? value['from'])]
  if (role === undefined) return null
  if (Array.isArray(value['parts'])) return messageOfParts(role, value['parts'].filter(isRow))
  const calls = callsOf(value['tool_calls'])
  const id = value['tool_call_id']
  return {
    role,
    content: contentOf(value['content'] ?? value['value'] ?? (calls.length > 0 ? null : '')),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    ...(typeof id === 'string' ? { tool_call_id: id } : {}),
  }
}

/** All of a list; what is no message is left out. */
export const messagesOf = (value: unknown): Message[] =>
  (Array.isArray(value) ? value : []).flatMap((item) => messageOf(item) ?? [])

export const toolsOf = (value: unknown): readonly Tool[] | undefined =>
  Array.isArray(value) && value.length > 0 && value.every(isRow) ? value : undefined

export function callsOf(value: unknown): ToolCall[] {
  return (Array.isArray(value) ? value : []).filter(isRow).flatMap((call): ToolCall[] => {
    const described = isRow(call['function']) ? call['function'] : call
    const { name, arguments: given } = described
    if (typeof name !== 'string') return []
    const id = typeof call['id'] === 'string' ? call['id'] : name
    const text = typeof given === 'string' ? given : JSON.stringify(given ?? {})
    return [{ id, type: 'function', function: { name, arguments: text } }]
  })
}

export const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const roles: Readonly<Record<string, Message['role']>> = {
  system: 'system',
  developer: 'developer',
  user: 'user',
  human: 'user',
  assistant: 'assistant',
  gpt: 'assistant',
  model: 'assistant',
  tool: 'tool',
}

function contentOf(value: unknown): Message['content'] {
  if (value === null || typeof value === 'string') return value
  if (!Array.isArray(value)) return JSON.stringify(value)
  return value.filter(isRow).flatMap((part): ContentPart[] => {
    const image = part['image_url']
    const url = isRow(image) ? image['url'] : image
    if (typeof url === 'string') return [{ type: 'image_url', image_url: { url } }]
    return typeof part['text'] === 'string' ? [{ type: 'text', text: part['text'] }] : []
  })
}

function messageOfParts(role: Message['role'], parts: readonly Row[]): Message {
  const texts = parts.flatMap(({ type, content }) =>
    (type === 'text' || type === undefined) && typeof content === 'string' ? [content] : [],
  )
  const result = parts.find(({ type }) => type === 'tool_call_response')
  if (result) {
    const given = result['result'] ?? result['response']
    return {
      role: 'tool',
      content: typeof given === 'string' ? given : JSON.stringify(given ?? ''),
      tool_call_id: cellText(result['id']),
    }
  }
  const calls = callsOf(parts.filter(({ type }) => type === 'tool_call'))
  return {
    role,
    content: texts.length > 0 ? texts.join('\n') : calls.length > 0 ? null : '',
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  }
}
