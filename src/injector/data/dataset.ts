import { AppError } from '../../core/errors.ts'
import type { DatasetPrompt } from '../policy/workload/prompt.ts'
import type { Message, Tool } from '../policy/workload/message.ts'
import { messagesOf, toolsOf } from './message-rows.ts'
import { readTable, type Row } from './table.ts'

/**
 * Prompts of a file by column mapping (`prompt`, `system`), or by its known layout: OpenAI messages, ShareGPT
 * conversations, MT-bench and Vicuna turns, GSM8K questions, HumanEval and LongBench prompts, Alpaca instructions.
 * Error: `injection/bad-data`.
 */
export function readDataset(
  path: string,
  columns: Readonly<Record<string, string>>,
): DatasetPrompt[] {
  const rows = readTable(path)
  const prompts = rows
    .map((row) => promptOf(row, columns))
    .filter((prompt) => prompt !== null && prompt.turns.length > 0)
  if (prompts.length > 0) return prompts as DatasetPrompt[]
  throw new AppError('injection/bad-data', {
    message: `${path} holds no prompts; its columns are ${Object.keys(rows[0] ?? {}).join(', ')}`,
    hint: 'Name the column with --columns prompt=NAME.',
  })
}

function promptOf(row: Row, columns: Readonly<Record<string, string>>): DatasetPrompt | null {
  const system = columns['system'] === undefined ? undefined : textOf(row[columns['system']])
  const withSystem = (turns: string[], own?: string): DatasetPrompt => {
    const told = system ?? own
    return told ? { turns, system: told } : { turns }
  }
  const named = columns['prompt']
  if (named !== undefined) return withSystem(textsOf(row[named]))
  const messages = messagesOf(row['messages'] ?? row['conversations'])
  if (messages.length > 0) return conversation(messages, toolsOf(row['tools']), withSystem)
  for (const name of ['turns', 'prompt', 'question', 'instruction', 'input', 'text', 'query'])
    if (row[name] !== undefined && row[name] !== '') {
      const context = name === 'instruction' ? textOf(row['input']) : ''
      return withSystem(
        textsOf(row[name]).map((text) => (context === '' ? text : `${text}\n\n${context}`)),
      )
    }
  return null
}

/**
 * What the users say, turn by turn; the answers of the recording are not sent. Messages with tool results or pictures
 * stand as they are, up to the last one that asks for an answer.
 */
function conversation(
  messages: readonly Message[],
  tools: readonly Tool[] | undefined,
  withSystem: (turns: string[], own?: string) => DatasetPrompt,
): DatasetPrompt | null {
  const isPlain = messages.every(
    ({ role, content, tool_calls }) =>
      role !== 'tool' && typeof content === 'string' && !tool_calls,
  )
  if (!isPlain || tools) {
    const last = messages.findLastIndex(({ role }) => role !== 'assistant')
    if (last === -1) return null
    return { turns: [messages.slice(0, last + 1)], ...(tools ? { tools } : {}) }
  }
  const said = (role: string) =>
    messages.filter((message) => message.role === role).map(({ content }) => content as string)
  return withSystem(said('user'), said('system').at(-1))
}

const textsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).map(textOf).filter((text) => text !== '')

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
