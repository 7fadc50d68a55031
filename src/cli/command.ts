import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { AppError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { parseDurationMs } from '../core/units.ts'
import type { Io, Output } from './io.ts'

/** One definition gives parsing, help, shell completion and the reference page. */
export interface Command<F extends Flags = Flags, P extends Positionals = Positionals> {
  /** As typed after `baleen`: `deploy`, `model pull`. */
  readonly name: string
  /** One line, no full stop. */
  readonly summary: string
  /** More, for `--help` and the reference. */
  readonly details?: string
  /** Without the leading `baleen`. First things first. */
  readonly examples: readonly string[]
  readonly positionals: P
  readonly flags: F
  /** Returns an exit code; nothing means 0. */
  run(context: Context<F, P>): Promise<number | void>
}

export interface Context<F extends Flags = Flags, P extends Positionals = Positionals> {
  readonly flags: FlagValues<F>
  readonly positionals: PositionalValues<P>
  readonly io: Io
  readonly output: Output
}

export interface Flag {
  readonly kind: 'boolean' | 'text' | 'integer' | 'duration'
  readonly summary: string
  readonly short?: string
  /** Stands for the value in help: `FILE`. */
  readonly hint?: string
  readonly choices?: readonly string[]
  readonly repeats?: boolean
}
export type Flags = Readonly<Record<string, Flag>>

interface Positional {
  readonly name: string
  readonly summary: string
  readonly isOptional?: boolean
  /** Takes all that is left; only the last one may. */
  readonly repeats?: boolean
  /** What shell completion offers. */
  readonly completes?:
    | 'deployment'
    | 'model'
    | 'model-or-file'
    | 'key'
    | 'file'
    | 'shell'
    | 'command'
}
export type Positionals = readonly Positional[]

export type FlagValues<F extends Flags> = { readonly [K in keyof F]: FlagValue<F[K]> }
type FlagValue<F extends Flag> = F['kind'] extends 'boolean'
  ? boolean
  : F extends { repeats: true }
    ? readonly string[]
    : F['kind'] extends 'integer' | 'duration'
      ? number | undefined
      : F extends { choices: readonly (infer C)[] }
        ? C | undefined
        : string | undefined

type PositionalValues<P extends Positionals> = {
  readonly [X in P[number] as X['name']]: X extends { repeats: true }
    ? readonly string[]
    : X extends { isOptional: true }
      ? string | undefined
      : string
}

export const globalFlags = {
  help: { kind: 'boolean', short: 'h', summary: 'Show help' },
  json: { kind: 'boolean', summary: 'Write JSON to stdout' },
  quiet: { kind: 'boolean', short: 'q', summary: 'Leave out progress and notes' },
  'no-color': { kind: 'boolean', summary: 'Leave out colours (also NO_COLOR)' },
  debug: { kind: 'boolean', summary: 'Show the stack of an error' },
} as const satisfies Flags

export const defineCommand = <const F extends Flags, const P extends Positionals>(
  command: Command<F, P>,
): Command => command as unknown as Command

export const usageError = (message: string, hint?: string): AppError =>
  new AppError('cli/usage', hint === undefined ? { message } : { message, hint })

/** Strict: an unknown flag, a missing value, a word too many is an error that names the likely meaning. */
export function parseCommandLine(
  command: Command,
  argv: readonly string[],
): Pick<Context, 'flags' | 'positionals'> & {
  readonly globals: FlagValues<typeof globalFlags>
} {
  const flags: Flags = { ...command.flags, ...globalFlags }
  const {
    values,
    positionals: words,
    tokens,
  } = parseArgs({
    args: [...argv],
    options: optionsOf(flags),
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const help = `See \`baleen ${command.name} --help\`.`
  const read: Record<string, unknown> = {}
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const flag = flags[token.name]
    if (!flag) throw unknownFlag(token.rawName, flags, help)
    if (flag.kind === 'boolean' && token.value !== undefined)
      throw usageError(`${token.rawName} takes no value`, help)
    if (flag.kind !== 'boolean' && (token.value === undefined || token.value === ''))
      throw usageError(`${token.rawName} needs a value: ${hintOf(token.name, flag)}`, help)
  }
  for (const [name, flag] of Object.entries(flags)) read[name] = valueOf(name, flag, values[name])
  const globals = read as FlagValues<typeof globalFlags>
  const positionals = globals.help ? {} : positionalsOf(command, words, help)
  return { flags: read as FlagValues<Flags>, globals, positionals }
}

/** `--name NAME` in the words of help. */
export const hintOf = (name: string, flag: Flag): string =>
  flag.kind === 'boolean' ? '' : (flag.choices?.join('|') ?? flag.hint ?? name.toUpperCase())

function optionsOf(flags: Flags): ParseArgsOptionsConfig {
  return Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      {
        type: flag.kind === 'boolean' ? ('boolean' as const) : ('string' as const),
        multiple: flag.repeats ?? false,
        ...(flag.short === undefined ? {} : { short: flag.short }),
      },
    ]),
  )
}

function valueOf(name: string, flag: Flag, value: unknown): unknown {
  if (flag.kind === 'boolean') return value === true
  if (flag.repeats) return value ?? []
  if (typeof value !== 'string') return undefined
  if (flag.choices && !flag.choices.includes(value))
    throw usageError(`--${name} is one of ${flag.choices.join(', ')}, not "${value}"`)
  if (flag.kind === 'integer') {
    if (!/^\d{1,12}$/.test(value)) throw usageError(`--${name} is a whole number, not "${value}"`)
    return Number(value)
  }
  if (flag.kind === 'duration')
    try {
      return parseDurationMs(value)
    } catch (thrown) {
      throw usageError(`--${name}: ${(thrown as Error).message}`)
    }
  return value
}

function positionalsOf(command: Command, words: readonly string[], help: string) {
  const values: Record<string, string | readonly string[] | undefined> = {}
  const rest = [...words]
  for (const { name, isOptional, repeats } of command.positionals) {
    const value = repeats ? rest.splice(0) : rest.shift()
    if (!isOptional && (value === undefined || value.length === 0))
      throw usageError(`${name.toUpperCase()} is missing`, help)
    values[name] = value
  }
  if (rest.length > 0) throw usageError(`"${rest[0]}" is one word too many`, help)
  return values as PositionalValues<Positionals>
}

function unknownFlag(rawName: string, flags: Flags, help: string): AppError {
  const meant = nearest(rawName.replace(/^-+/, ''), Object.keys(flags))
  return usageError(
    `there is no flag ${rawName}`,
    meant === null ? help : `Did you mean --${meant}? ${help}`,
  )
}
