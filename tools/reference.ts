/** Writes the pages of docs/reference that come out of the code: `node tools/reference.ts`. A test holds them to it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { globalFlags, type Command } from '../src/cli/command.ts'
import { exitCodes } from '../src/cli/exit-code.ts'
import { flagRows, usageLine } from '../src/cli/help.ts'
import { registry } from '../src/cli/registry.ts'
import { catalogue, type ErrorEntry } from '../src/core/errors.ts'
import { settingNames } from '../src/engines/settings-said.ts'
import { engineFacts } from '../src/server/engine-facts.ts'

const folder = join(import.meta.dirname, '..', 'docs', 'reference')
const origin = '<!-- Written by `node tools/reference.ts`: change the code, not this page. -->'

export const pages: Readonly<Record<string, () => Promise<string>>> = {
  [join(folder, 'cli.md')]: cliPage,
  [join(folder, 'errors.md')]: async () => errorPage(),
  [join(folder, 'engines.md')]: async () => enginePage(),
}

async function cliPage(): Promise<string> {
  const commands = await Promise.all(registry.map((entry) => entry.load()))
  return page([
    '# Command line',
    'Data goes to stdout, everything else to stderr. `--json` writes one JSON value a line, in the shape of the API. Colours and progress appear on a terminal only; `NO_COLOR` and `--no-color` turn colours off. A command that asks a running Baleen finds it through `--url` and `--token` (`BALEEN_URL`, `BALEEN_TOKEN`), else through the data directory of this machine.',
    'In what follows `[X]` can be left out and `X …` can be repeated.',
    '## Exit codes',
    table(
      ['code', 'meaning'],
      Object.values(exitCodes).map(({ code, meaning }) => [String(code), meaning]),
    ),
    '## Flags of every command',
    table(['flag', 'what'], flagRows(globalFlags).map(code)),
    ...commands.map(commandSection),
  ])
}

function commandSection(command: Command): string {
  const { details, examples, flags, name, positionals, summary } = command
  const parts = [`## baleen ${name}`, `${summary}.`, `\`${usageLine(command)}\``]
  if (details !== undefined) parts.push(details)
  if (positionals.length > 0)
    parts.push(
      table(
        ['argument', 'what'],
        positionals.map((one) => code([one.name.toUpperCase(), one.summary])),
      ),
    )
  if (Object.keys(flags).length > 0) parts.push(table(['flag', 'what'], flagRows(flags).map(code)))
  parts.push(['```sh', ...examples.map((example) => `baleen ${example}`), '```'].join('\n'))
  return parts.join('\n\n')
}

function enginePage(): string {
  const engines = engineFacts()
  return page([
    '# Engines',
    'What each engine is and which settings reach it. What an engine has no word for, in its version or with the value that was asked for, is said as a warning of the deployment and never dropped in silence.',
    table(
      ['engine', 'what', 'tasks', '`model` is', 'metrics'],
      engines.map(({ name, about, tasks, takes, metricsPath }) => [
        `\`${name}\``,
        about,
        tasks.join(', '),
        takes === 'file' ? 'a file that Baleen fetches' : 'a reference',
        metricsPath === null ? 'none' : `\`${metricsPath}\``,
      ]),
    ),
    '## Settings',
    '`environment`, `sharedMemoryGiB`, `loadTimeoutS` and `drainTimeoutS` work with all of them; `engineVersion`, `image` and `extraArguments` with those that have versions, images and a command line.',
    table(
      ['setting', ...engines.map(({ name }) => name)],
      settingNames
        .filter((setting) => engines.some(({ honours }) => honours.includes(setting)))
        .map((setting) => [
          `\`${setting}\``,
          ...engines.map(({ honours }) => (honours.includes(setting) ? '●' : '')),
        ]),
    ),
  ])
}

function errorPage(): string {
  const byRoom = Object.groupBy(
    Object.entries<ErrorEntry>(catalogue),
    ([name]) => name.split('/')[0] ?? '',
  )
  return page([
    '# Errors',
    'Every error has a code that does not change. Over HTTP it stands in `error.code`, on the command line after `error:`, in logs in `code`. *Retry* says whether the same call may succeed later, unchanged.',
    ...Object.entries(byRoom).map(([room, entries]) =>
      [
        `## ${room}`,
        table(
          ['code', 'status', 'type', 'retry', 'what to do'],
          (entries ?? []).map(([name, { status, type, retryable, hint }]) => [
            `\`${name}\``,
            String(status),
            `\`${type}\``,
            retryable ? 'yes' : 'no',
            hint,
          ]),
        ),
      ].join('\n\n'),
    ),
  ])
}

const page = (parts: readonly string[]): string =>
  `${[parts[0], origin, ...parts.slice(1)].join('\n\n')}\n`

const code = ([first, ...rest]: readonly string[]): string[] => [`\`${first}\``, ...rest]

function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(headers), line(headers.map(() => '---')), ...rows.map(line)].join('\n')
}

if (import.meta.main)
  for (const [path, write] of Object.entries(pages)) writeFileSync(path, await write())
