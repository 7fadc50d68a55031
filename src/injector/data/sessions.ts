import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import type { Session } from '../policy/workload/session.ts'
import { agentSessions } from './agent-log.ts'
import { callSessions } from './call-list.ts'
import { chatSessions } from './chat-sessions.ts'
import { otelSessions } from './otel.ts'
import { readTable, type Row } from './table.ts'

/**
 * Recorded sessions of a file, or of all files of a folder: OpenTelemetry GenAI spans, logs of coding agents
 * (mlcommons), conversations with their answers (OpenAI messages, ShareGPT), or a list of calls of one's own. Error:
 * `injection/bad-data`.
 */
export function readSessions(path: string): Session[] {
  const sessions = filesOf(path).flatMap((file) => {
    const rows = readTable(file)
    const found = formOf(rows[0] ?? {})?.(rows, file) ?? []
    return found.filter(({ calls }) => calls.length > 0)
  })
  if (sessions.length > 0) return sessions
  throw new AppError('injection/bad-data', {
    message: `${path} holds no sessions`,
    hint: 'Give OpenTelemetry GenAI spans, rows with conversation_id and role, with messages, or with session and input_tokens.',
  })
}

function formOf(row: Row): ((rows: readonly Row[], path: string) => Session[]) | null {
  if ('spans' in row || 'resourceSpans' in row || 'span_id' in row) return otelSessions
  if ('conversation_id' in row && 'role' in row) return agentSessions
  if ('session' in row || 'session_id' in row) return callSessions
  if (Array.isArray(row['messages']) || Array.isArray(row['conversations'])) return chatSessions
  return null
}

function filesOf(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path]
  return readdirSync(path)
    .filter((name) => /\.jsonl?$/.test(name))
    .sort()
    .map((name) => join(path, name))
}
