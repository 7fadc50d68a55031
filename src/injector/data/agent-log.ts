import type { Message } from '../policy/workload/message.ts'
import type { Session } from '../policy/workload/session.ts'
import { callsOf } from './chat-sessions.ts'
import { isRow, messageOf, toolsOf } from './message-rows.ts'
import { cellText, type Row } from './table.ts'

/**
 * The log of a coding agent, a row a turn (mlcommons agentic coding): `conversation_id`, `turn`, `role`, `content` or
 * `tool_calls` or `tool_results`, and `delay_seconds` for the time that the tools took.
 */
export function agentSessions(rows: readonly Row[]): Session[] {
  const conversations = Map.groupBy(rows, (row) => cellText(row['conversation_id']))
  return [...conversations.values()].map((turns) => {
    const ordered = turns.toSorted((a, b) => Number(a['turn'] ?? 0) - Number(b['turn'] ?? 0))
    const delays = new Map<Message, number>()
    const messages = ordered.flatMap((row) => {
      const found = messagesOfTurn(row)
      const delayS = Number(row['delay_seconds'] ?? 0)
      if (found[0] && delayS > 0) delays.set(found[0], delayS * 1000)
      return found
    })
    const tools = toolsOf(ordered.find((row) => 'tools' in row)?.['tools'])
    return {
      calls: callsOf(messages, (message) => delays.get(message) ?? 0),
      ...(tools ? { tools } : {}),
    }
  })
}

function messagesOfTurn(row: Row): Message[] {
  if (Array.isArray(row['tool_results']))
    return row['tool_results'].filter(isRow).flatMap((result) => {
      return messageOf({ role: 'tool', ...result }) ?? []
    })
  const system = row['system']
  const own = messageOf(row)
  return [
    ...(typeof system === 'string' && system !== ''
      ? [{ role: 'system' as const, content: system }]
      : []),
    ...(own ? [own] : []),
  ]
}
