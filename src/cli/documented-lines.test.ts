import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseDocument } from 'yaml'
import { parseCommandLine } from './command.ts'
import { registry } from './registry.ts'

const root = join(import.meta.dirname, '..', '..')
const filesIn = (folder: string, end: RegExp): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => end.test(name))
    .map((name) => `${folder}/${name}`)
const pipelines = filesIn('examples/ci', /\.yaml$/)
const pages = [
  'README.md',
  ...filesIn('docs/guides', /\.md$/),
  // What errors tell people to type.
  'docs/reference/errors.md',
  ...filesIn('examples/ci', /\.md$/),
  ...pipelines,
]

/** What a reader would type: whole lines of code blocks, and commands named in the text, which may lack arguments. */
function commandsOf(text: string): { line: string; isWhole: boolean }[] {
  const blocks = [...text.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].flatMap(([, body = '']) =>
    body
      .split('\n')
      .flatMap((one) => /^(?:\$ )?(?:npm run baleen -- |baleen )(.*)/.exec(one)?.[1] ?? [])
      .map((line) => ({ line, isWhole: true })),
  )
  const steps = [...text.matchAll(/^ +(?:- )?(?:run: )?baleen (.+)/gm)].map(([, line = '']) => ({
    line,
    isWhole: true,
  }))
  const prose = text.replace(/^```\w*\n[\s\S]*?^```$/gm, '')
  const named = [...prose.matchAll(/`(?:npm run baleen -- |baleen )([^`]+)`/g)].map(
    ([, line = '']) => ({ line, isWhole: false }),
  )
  return [...blocks, ...steps, ...named]
}

describe.each(pages)('%s', (page) => {
  it('shows only commands that there are', async () => {
    for (const { line, isWhole } of commandsOf(readFileSync(join(root, page), 'utf8'))) {
      const words = (line.split(/ +(?:#|[|<>] |\|\|)/)[0] ?? '').match(/"[^"]*"|'[^']*'|\S+/g) ?? []
      if (words.every((word) => word.startsWith('-') || word === 'COMMAND')) continue
      const entry = [2, 1]
        .map((length) => registry.find(({ name }) => name === words.slice(0, length).join(' ')))
        .find((found) => found !== undefined)
      expect(entry, line).toBeDefined()
      const rest = words.slice(entry?.name.split(' ').length)
      const command = await entry!.load()
      try {
        parseCommandLine(command, rest)
      } catch (thrown) {
        const { message } = thrown as Error
        if (isWhole || !/is missing$|needs a value/.test(message))
          expect.fail(`\`baleen ${line}\`: ${message}`)
      }
    }
  })
})

it.each(pipelines)('%s is YAML and names a command of ours', (page) => {
  const text = readFileSync(join(root, page), 'utf8')
  expect(parseDocument(text).errors).toEqual([])
  expect(commandsOf(text).length, page).toBeGreaterThan(0)
})

it('finds a command that there is not', () => {
  expect(commandsOf('a `baleen x --y` b\n```\nbaleen z  # why\n$ baleen w\nother\n```\n')).toEqual([
    { line: 'z  # why', isWhole: true },
    { line: 'w', isWhole: true },
    { line: 'x --y', isWhole: false },
  ])
  expect(commandsOf('steps:\n  - run: baleen x || true\n')).toEqual([
    { line: 'x || true', isWhole: true },
  ])
})
