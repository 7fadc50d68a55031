import type { Endpoint } from '../../../contract/injection.ts'
import { readStreamEvent, type StreamEvent } from './stream-event.ts'

/**
 * Events of a stream differ in their text alone. Once an event has shown where the text stands, the next ones are
 * read by comparing what surrounds it: exact, because a JSON string without quote and backslash is its own value.
 * Anything else is parsed whole.
 */
export interface EventTemplate {
  /** The text of an event that differs from the learned one in its text alone; null: parse it. */
  textOf(data: string): string | null
  learn(data: string, event: StreamEvent): void
  /** Of the learned event. */
  readonly isAnswer: boolean
}

/** Streams whose events differ in more (log probabilities) cost a few attempts, not one an event. */
const attemptsMax = 3
const probe = 'probe-8d1f'

export function createEventTemplate(endpoint: Endpoint): EventTemplate {
  let prefix: string | null = null
  let suffix = ''
  let isAnswer = false
  let attempts = 0

  return {
    get isAnswer() {
      return isAnswer
    },
    textOf(data) {
      if (prefix === null || data.length < prefix.length + suffix.length) return null
      if (!data.startsWith(prefix) || !data.endsWith(suffix)) return null
      const text = data.slice(prefix.length, data.length - suffix.length)
      return text.includes('"') || text.includes('\\') ? null : text
    },
    learn(data, event) {
      if (attempts >= attemptsMax || event.text === '' || event.finishReason || event.usage) return
      attempts++
      const quoted = JSON.stringify(event.text)
      const at = data.lastIndexOf(quoted)
      if (at === -1) return
      const before = data.slice(0, at + 1)
      const after = data.slice(at + quoted.length - 1)
      // Proves that the place found is the place of the text, and of nothing else.
      const other = readStreamEvent(parseJson(before + probe + after), endpoint)
      if (other?.text !== probe || other.isAnswer !== event.isAnswer) return
      prefix = before
      suffix = after
      isAnswer = event.isAnswer
    },
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
