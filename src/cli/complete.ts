import { globalFlags, type Command, type Flag } from './command.ts'
import type { Io } from './io.ts'
import type { Entry } from './registry.ts'

/** What shell completion offers for the last of the words; the ones before it are complete. */
export interface Completion {
  readonly words: readonly string[]
  /** The shell adds its own file names. */
  readonly files: boolean
}

/** Names that only a running Baleen or its data directory knows. */
export type NamesOf = (kind: 'deployment' | 'model' | 'key') => Promise<readonly string[]>

/** A Tab must not wait: what is not told at once is not offered. */
const namesTimeoutMs = 1000

export const namesFrom =
  (io: Io): NamesOf =>
  async (kind) => {
    const { connect } = await import('./connection.ts')
    const none = { url: undefined, token: undefined, data: undefined, config: undefined }
    try {
      if (kind === 'model') {
        const { listModels } = await import('../models/library.ts')
        const { modelsDirectory } = await import('./commands/model.ts')
        return (await listModels(await modelsDirectory(none, io))).map(({ name }) => name)
      }
      const control = await connect({ ...none, timeout: namesTimeoutMs }, io)
      return kind === 'key'
        ? (await control.keys()).map(({ name }) => name)
        : (await control.deployments()).map(({ spec }) => spec.name)
    } catch {
      return []
    }
  }

export async function complete(
  words: readonly string[],
  registry: readonly Entry[],
  namesOf: NamesOf,
): Promise<Completion> {
  const typed = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const found = [2, 1]
    .map((length) => registry.find(({ name }) => name === before.slice(0, length).join(' ')))
    .find((entry) => entry !== undefined)
  if (!found) return { words: starting(nextWords(before, registry), typed), files: false }

  const command = await found.load()
  const rest = before.slice(found.name.split(' ').length)
  const flag = flagAwaitingValue(command, rest)
  if (flag) return { words: starting(flag.choices ?? [], typed), files: isFile(flag) }
  if (typed.startsWith('-')) {
    const names = Object.keys({ ...command.flags, ...globalFlags }).map((name) => `--${name}`)
    return { words: starting(names, typed), files: false }
  }
  return completePositional(command, rest, typed, registry, namesOf)
}

async function completePositional(
  command: Command,
  rest: readonly string[],
  typed: string,
  registry: readonly Entry[],
  namesOf: NamesOf,
): Promise<Completion> {
  const position = rest.filter((word) => !word.startsWith('-')).length
  const last = command.positionals.at(-1)
  const expected = command.positionals[position] ?? (last?.repeats ? last : undefined)
  switch (expected?.completes) {
    case 'deployment':
    case 'model':
    case 'key':
      return { words: starting(await namesOf(expected.completes), typed), files: false }
    case 'model-or-file':
      return { words: starting(await namesOf('model'), typed), files: true }
    case 'shell':
      return { words: starting(['bash', 'zsh', 'fish'], typed), files: false }
    case 'command':
      return { words: starting(nextWords(rest, registry), typed), files: false }
    case 'file':
      return { words: [], files: true }
    case undefined:
      return { words: [], files: false }
  }
}

/** First words of commands, or what may follow a noun. */
function nextWords(before: readonly string[], registry: readonly Entry[]): string[] {
  const prefix = before.join(' ')
  const names = registry.map(({ name }) => name)
  const following =
    prefix === ''
      ? names
      : names
          .filter((name) => name.startsWith(`${prefix} `))
          .map((name) => name.slice(prefix.length + 1))
  return [...new Set(following.map((name) => name.split(' ')[0] ?? ''))]
}

function flagAwaitingValue(command: Command, rest: readonly string[]): Flag | undefined {
  const last = rest.at(-1)
  if (!last?.startsWith('-')) return undefined
  const flags: Record<string, Flag> = { ...command.flags, ...globalFlags }
  const flag = last.startsWith('--')
    ? flags[last.slice(2)]
    : Object.values(flags).find(({ short }) => `-${short}` === last)
  return flag?.kind === 'boolean' ? undefined : flag
}

const isFile = (flag: Flag): boolean => flag.hint === 'FILE' || flag.hint === 'DIR'

const starting = (words: readonly string[], typed: string): string[] =>
  words.filter((word) => word.startsWith(typed))
