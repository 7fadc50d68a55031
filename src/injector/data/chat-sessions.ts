import { textOf, type Message } from '../policy/workload/message.ts'
import type { Session, SessionCall } from '../policy/workload/session.ts'
import { messagesOf, toolsOf } from './message-rows.ts'
import type { Row } from './table.ts'

/** Characters that stand for a token where a recording has texts and no counts. */
const charactersPerToken = 4

/** Whole conversations, one a row: each answer of the recording is a call. */
export const chatSessions = (rows: readonly Row[]): Session[] =>
  rows.map((row) => {
    const tools = toolsOf(row['tools'])
    const calls = callsOf(messagesOf(row['messages'] ?? row['conversations']))
    return { calls, ...(tools ? { tools } : {}) }
  })

/** A conversation as a chain of calls; `delayMs` of a call by its first new message. */
export function callsOf(
  messages: readonly Message[],
  delayMs: (message: Message) => number = () => 0,
): SessionCall[] {
  const calls: SessionCall[] = []
  let own: Message[] = []
  for (const message of messages) {
    if (message.role !== 'assistant') {
      own.push(message)
      continue
    }
    const before = calls.length - 1
    calls.push({
      after: before < 0 ? [] : [before],
      delayMs: own.reduce((sum, one) => sum + delayMs(one), 0),
      continues: before < 0 ? null : before,
      messages: own,
      answer: message,
      inputTokens: null,
      outputTokens: tokensOf(textOf(message)),
      model: null,
    })
    own = []
  }
  // What nobody answered in the recording is answered now.
  if (own.length > 0)
    calls.push({ ...chained(calls.length - 1), messages: own, answer: null, outputTokens: null })
  return calls.map((call, index) => ({ ...call, inputTokens: inputTokensOf(calls, index) }))
}

export const tokensOf = (text: string): number =>
  Math.max(1, Math.ceil(text.length / charactersPerToken))

const chained = (before: number) => ({
  after: before < 0 ? [] : [before],
  delayMs: 0,
  continues: before < 0 ? null : before,
  inputTokens: null,
  model: null,
})

function inputTokensOf(calls: readonly SessionCall[], index: number): number {
  let characters = 0
  for (let call: number | null = index; call !== null; call = calls[call]!.continues) {
    const { messages, answer } = calls[call]!
    for (const message of messages)
      if (!('answerOf' in message)) characters += textOf(message).length
    if (call !== index && answer) characters += textOf(answer).length
  }
  return Math.max(1, Math.ceil(characters / charactersPerToken))
}
