import { globalFlags, hintOf, type Command, type Flags } from './command.ts'
import type { Style } from './io.ts'
import { registry } from './registry.ts'

/** All commands in their groups, or those of one noun. */
export async function overview(style: Style, noun?: string): Promise<string> {
  const shown = registry.filter(({ name }) => noun === undefined || name.startsWith(`${noun} `))
  const commands = await Promise.all(
    shown.map(async (entry) => ({ group: entry.group, command: await entry.load() })),
  )
  const width = Math.max(...commands.map(({ command }) => command.name.length)) + 2
  const groups = Object.entries(Object.groupBy(commands, ({ group }) => group))
  const listed = groups.flatMap(([group, members]) => [
    '',
    style('bold', group),
    ...(members ?? []).map(
      ({ command }) => `  ${style('cyan', command.name.padEnd(width))}${command.summary}`,
    ),
  ])
  return [
    'Serves open-weights language models on your own machines.',
    '',
    `${style('bold', 'Usage')}  baleen ${noun ?? 'COMMAND'} ${noun ? 'COMMAND ' : ''}[flags]`,
    ...listed,
    '',
    `\`baleen ${noun ? `${noun} ` : ''}COMMAND --help\` tells more.`,
  ].join('\n')
}

export function commandHelp(command: Command, style: Style): string {
  const sections = [
    command.summary,
    ...(command.details === undefined ? [] : ['', wrap(command.details)]),
    '',
    `${style('bold', 'Usage')}  ${usageLine(command)}`,
    '',
    style('bold', 'Examples'),
    ...command.examples.map((example) => `  baleen ${example}`),
  ]
  if (command.positionals.length > 0)
    sections.push(
      '',
      style('bold', 'Arguments'),
      ...columns(command.positionals.map(({ name, summary }) => [name.toUpperCase(), summary])),
    )
  if (Object.keys(command.flags).length > 0)
    sections.push('', style('bold', 'Flags'), ...columns(flagRows(command.flags)))
  sections.push('', style('bold', 'Flags of every command'), ...columns(flagRows(globalFlags)))
  return sections.join('\n')
}

/** `baleen logs [flags] NAME`, in the notation of the reference. */
export function usageLine(command: Command): string {
  const words = command.positionals.map(({ name, isOptional, repeats }) => {
    const word = `${name.toUpperCase()}${repeats ? ' …' : ''}`
    return isOptional ? `[${word}]` : word
  })
  return ['baleen', command.name, ...words, '[flags]'].join(' ')
}

/** Rows of "-n, --lines N" and what it does. */
export const flagRows = (flags: Flags): [string, string][] =>
  Object.entries(flags).map(([name, flag]) => {
    const hint = hintOf(name, flag)
    const short = flag.short === undefined ? '' : `-${flag.short}, `
    return [
      `${short}--${name}${hint === '' ? '' : ` ${hint}`}`,
      `${flag.summary}${flag.repeats ? ' (repeatable)' : ''}`,
    ]
  })

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`)
}

function wrap(text: string, width = 80): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length + 1 > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.join('\n')
}
