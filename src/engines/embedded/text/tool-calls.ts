import { heldBack } from './text-stream.ts'

export interface ToolCall {
  readonly name: string
  /** JSON text, as the API wants it. */
  readonly arguments: string
}

export interface ToolText {
  /** What is not part of a call. */
  readonly content: string
  readonly calls: readonly ToolCall[]
}

/** Takes `<tool_call>{"name": …, "arguments": {…}}</tool_call>` out of an answer as it comes. */
export interface ToolCallReader {
  push(text: string): ToolText
  /** Models often leave the closing tag out at the very end. */
  end(): ToolText
}

export function createToolCallReader(): ToolCallReader {
  let buffer = ''
  let isAfterCall = false
  return {
    push(text) {
      buffer += text
      let content = ''
      const calls: ToolCall[] = []
      for (;;) {
        // Line breaks between calls are no content.
        if (isAfterCall) buffer = buffer.trimStart()
        if (buffer !== '') isAfterCall = false
        const start = buffer.indexOf(opening)
        if (start < 0) {
          const keep = heldBack(buffer, [opening])
          content += buffer.slice(0, buffer.length - keep)
          buffer = buffer.slice(buffer.length - keep)
          return { content, calls }
        }
        content += buffer.slice(0, start)
        const end = buffer.indexOf(closing, start)
        if (end < 0) {
          buffer = buffer.slice(start)
          return { content, calls }
        }
        const call = parseCall(buffer.slice(start + opening.length, end))
        if (call) calls.push(call)
        else content += buffer.slice(start, end + closing.length)
        buffer = buffer.slice(end + closing.length)
        isAfterCall = call !== null
      }
    },
    end() {
      const rest = buffer
      buffer = ''
      const call = rest.startsWith(opening) ? parseCall(rest.slice(opening.length)) : null
      return call ? { content: '', calls: [call] } : { content: rest, calls: [] }
    },
  }
}

const opening = '<tool_call>'
const closing = '</tool_call>'

function parseCall(text: string): ToolCall | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('name' in value)) return null
    if (typeof value.name !== 'string') return null
    const given: unknown = 'arguments' in value ? value.arguments : {}
    return {
      name: value.name,
      arguments: typeof given === 'string' ? given : JSON.stringify(given ?? {}),
    }
  } catch {
    return null
  }
}
