import { AppError } from '../../core/errors.ts'
import type { Session, SessionCall } from '../policy/workload/session.ts'
import { messagesOf, toolsOf } from './message-rows.ts'
import { cellText, type Row } from './table.ts'

/**
 * A list of calls, a row each: `session` (or `session_id`); `call` to name it; `after`, the calls it waits for (the one
 * before); `delay_ms` (or `delay`); `messages`, `prompt`, or `input_tokens` (or `input_length`) for a prompt made for it;
 * `output_tokens` (or `output_length`); `continues`, the call whose conversation it goes on with (the first of `after`;
 * false: none); `model`. Error: `injection/bad-data`.
 */
export function callSessions(rows: readonly Row[], path: string): Session[] {
  const sessions = Map.groupBy(rows, (row) => cellText(row['session'] ?? row['session_id']))
  return [...sessions].map(([name, calls]) => sessionOf(calls, `${path}, session ${name}`))
}

function sessionOf(rows: readonly Row[], where: string): Session {
  const names = rows.map((row, index) => cellText(row['call'] ?? index))
  const tools = toolsOf(rows.find((row) => 'tools' in row)?.['tools'])
  const calls = rows.map((row, index): SessionCall => {
    const indexOf = (name: unknown): number => {
      const at = names.indexOf(cellText(name))
      if (at !== -1 && at < index) return at
      throw bad(
        `${where}: call ${names[index]} waits for "${cellText(name)}", which is no call before it`,
      )
    }
    const given = listOf(row['after'])
    const after = given === null ? (index === 0 ? [] : [index - 1]) : given.map(indexOf)
    const { continues } = row
    const prompt = row['prompt']
    return {
      after,
      delayMs: numberOf(row['delay_ms'] ?? row['delay']) ?? 0,
      continues:
        continues === false || continues === 'false' || continues === ''
          ? null
          : continues === undefined || continues === null || continues === true
            ? (after[0] ?? null)
            : indexOf(continues),
      messages:
        typeof prompt === 'string' && prompt !== ''
          ? [{ role: 'user', content: prompt }]
          : messagesOf(row['messages']),
      answer: null,
      inputTokens: numberOf(row['input_tokens'] ?? row['input_length']),
      outputTokens: numberOf(row['output_tokens'] ?? row['output_length']),
      model: typeof row['model'] === 'string' ? row['model'] : null,
    }
  })
  const unrelated = calls.find(
    ({ continues, after }) => continues !== null && !reaches(calls, after, continues),
  )
  if (unrelated) throw bad(`${where}: a call continues one whose answer it does not wait for`)
  return { calls, ...(tools ? { tools } : {}) }
}

/** Whether waiting for `after` means that `call` has been answered. */
function reaches(calls: readonly SessionCall[], after: readonly number[], call: number): boolean {
  return after.some((one) => one === call || reaches(calls, calls[one]!.after, call))
}

/** A list, or one of a CSV cell: "a b". Null: nothing is said. */
function listOf(value: unknown): unknown[] | null {
  if (Array.isArray(value)) return value
  if (value === undefined || value === null) return null
  return cellText(value)
    .split(/[\s;]+/)
    .filter((name) => name !== '')
}

function numberOf(value: unknown): number | null {
  if (value === undefined || value === null || value === '') return null
  const number = Number(value)
  if (Number.isFinite(number) && number >= 0) return number
  throw bad(`"${cellText(value).slice(0, 40)}" is no length or delay`)
}

const bad = (message: string): AppError => new AppError('injection/bad-data', { message })
