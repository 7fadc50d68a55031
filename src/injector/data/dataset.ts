import { AppError } from '../../core/errors.ts'
import type { DatasetPrompt } from '../policy/request-body.ts'
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
  if (Array.isArray(row['messages']))
    return conversation(row['messages'], 'role', 'content', withSystem)
  if (Array.isArray(row['conversations']))
    return conversation(row['conversations'], 'from', 'value', withSystem)
  for (const name of ['turns', 'prompt', 'question', 'instruction', 'input', 'text', 'query'])
    if (row[name] !== undefined && row[name] !== '') {
      const context = name === 'instruction' ? textOf(row['input']) : ''
      return withSystem(
        textsOf(row[name]).map((text) => (context === '' ? text : `${text}\n\n${context}`)),
      )
    }
  return null
}

/** What the users say, turn by turn; the answers of the recording are not sent. */
function conversation(
  messages: readonly unknown[],
  role: string,
  content: string,
  withSystem: (turns: string[], own?: string) => DatasetPrompt,
): DatasetPrompt {
  const turns: string[] = []
  let system = ''
  for (const message of messages as Row[]) {
    if (message[role] === 'system') system = textOf(message[content])
    else if (['user', 'human'].includes(String(message[role]))) turns.push(textOf(message[content]))
  }
  return withSystem(turns, system)
}

const textsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).map(textOf).filter((text) => text !== '')

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
