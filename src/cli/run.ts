import { AppError, catalogue, toAppError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { globalFlags, parseCommandLine, usageError, type Command } from './command.ts'
import { exitCodeOf } from './exit-code.ts'
import { createOutput, type Io, type Output } from './io.ts'
import { registry, type Entry } from './registry.ts'

/** Runs one command line, and returns the exit code. Never throws. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let help: string | undefined
  let output = createOutput(io, { json: false, quiet: false, noColor: argv.includes('--no-color') })
  try {
    if (argv[0] === '__complete') return await answerShell(argv.slice(1), io, output)
    const { entry, rest } = findCommand(argv)
    if (!entry) return await showHelp(argv, rest, output)
    help = `See \`baleen ${entry.name} --help\`.`
    const command = await entry.load()
    const { flags, globals, positionals } = parseCommandLine(command, rest)
    output = createOutput(io, {
      json: globals.json,
      quiet: globals.quiet,
      noColor: globals['no-color'],
    })
    if (globals.help) return await showCommandHelp(command, output)
    return (await command.run({ flags, positionals, io, output })) ?? 0
  } catch (thrown) {
    return report(withHelp(thrown, help), argv.includes('--debug'), io, output)
  }
}

/** Splits the words of the command from what belongs to it; global flags may stand before it. */
function findCommand(argv: readonly string[]): { entry?: Entry; rest: string[] } {
  const start = argv.findIndex((word) => !word.startsWith('-'))
  const leading = start === -1 ? [...argv] : argv.slice(0, start)
  const words = start === -1 ? [] : argv.slice(start)
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(' ')
    const entry = registry.find((candidate) => candidate.name === name)
    if (entry && words.length >= length)
      return { entry, rest: [...leading, ...words.slice(length)] }
  }
  return { rest: [...argv] }
}

async function showHelp(
  argv: readonly string[],
  rest: readonly string[],
  output: Output,
): Promise<number> {
  const { overview } = await import('./help.ts')
  if (['--version', '-V', '-v'].some((flag) => argv.includes(flag))) {
    const { version } = await import('./version.ts')
    output.line(version())
    return 0
  }
  const word = rest.find((one) => !one.startsWith('-'))
  const isGroup = registry.some(({ name }) => name.startsWith(`${word} `))
  if (word !== undefined && !isGroup) throw unknownCommand(word)
  const flag = rest.find((one) => one.startsWith('-'))
  if (flag !== undefined && !isGlobalFlag(flag)) throw usageError(`there is no flag ${flag}`)
  const next = rest[rest.indexOf(word ?? '') + 1]
  if (word !== undefined && next !== undefined && !next.startsWith('-'))
    throw unknownCommand(`${word} ${next}`)
  output.line(await overview(output.style, word))
  // Asked for, help is an answer; instead of a command it is a complaint.
  return word === undefined || argv.includes('--help') || argv.includes('-h') ? 0 : 2
}

/** See commands/completion.ts. */
async function answerShell(words: readonly string[], io: Io, output: Output): Promise<number> {
  const { complete, namesFrom } = await import('./complete.ts')
  const { words: offered, files } = await complete(words, registry, namesFrom(io))
  for (const word of files ? [...offered, ':files'] : offered) output.line(word)
  return 0
}

async function showCommandHelp(command: Command, output: Output): Promise<number> {
  const { commandHelp } = await import('./help.ts')
  output.line(commandHelp(command, output.style))
  return 0
}

function unknownCommand(name: string): AppError {
  const names = registry.map((entry) => entry.name)
  // `modle list`: only its first word is looked at.
  const meant = nearest(name, [...names, ...names.map((one) => one.split(' ')[0] ?? '')])
  return usageError(
    `there is no command "${name}"`,
    meant === null ? 'See `baleen help`.' : `Did you mean \`baleen ${meant}\`?`,
  )
}

const isGlobalFlag = (flag: string): boolean =>
  Object.entries(globalFlags).some(
    ([name, definition]) =>
      flag === `--${name}` || ('short' in definition && flag === `-${definition.short}`),
  )

/** The catalogue can only name the help of everything. */
const withHelp = (thrown: unknown, hint: string | undefined): unknown =>
  hint !== undefined &&
  thrown instanceof AppError &&
  thrown.code === 'cli/usage' &&
  thrown.hint === catalogue['cli/usage'].hint
    ? new AppError('cli/usage', { message: thrown.message, hint, cause: thrown })
    : thrown

function report(thrown: unknown, hasDebug: boolean, io: Io, output: Output): number {
  const isInterrupted = io.interrupt.aborted && !(thrown instanceof AppError)
  const error = isInterrupted
    ? new AppError('cli/interrupted', { message: 'interrupted' })
    : toAppError(thrown)
  const style = output.noteStyle
  io.stderr.write(`${style('red', 'error:')} ${error.code}: ${error.message}\n`)
  if (error.hint) io.stderr.write(`${style('cyan', 'hint:')} ${error.hint}\n`)
  if (hasDebug) io.stderr.write(`${error.stack}\n${causes(error)}`)
  return exitCodeOf(error)
}

function causes(error: Error): string {
  const { cause } = error
  return cause instanceof Error ? `caused by ${cause.stack}\n${causes(cause)}` : ''
}
