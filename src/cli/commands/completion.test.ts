import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runCommand } from '../cli.fixture.ts'

const directory = mkdtempSync(join(tmpdir(), 'baleen completion '))
afterAll(() => rmSync(directory, { recursive: true }))

const hasBash = spawnSync('bash', ['--version']).status === 0

describe.skipIf(!hasBash)('completion for bash', () => {
  /** What Tab offers where Baleen offers these. */
  const offered = async (words: readonly string[]): Promise<string> => {
    writeFileSync(join(directory, 'words'), `${words.join('\n')}\n`)
    writeFileSync(
      join(directory, 'shell'),
      `baleen() { cat words; }
compopt() { :; }
${(await runCommand(['completion', 'bash'])).stdout}
COMP_WORDS=(baleen key rm "") COMP_CWORD=3
_baleen
printf '%s\\n' "\${COMPREPLY[@]}"
`,
    )
    const { stdout, stderr } = spawnSync('bash', ['shell'], { cwd: directory, encoding: 'utf8' })
    expect(stderr).toBe('')
    return stdout
  }

  it('offers names as they are typed, and runs nothing that stands in one', async () => {
    expect(await offered(['ci', 'my app', '$(touch run)'])).toBe(
      'ci\nmy\\ app\n\\$\\(touch\\ run\\)\n',
    )
    expect(existsSync(join(directory, 'run'))).toBe(false)
  })

  it('offers files beside names where they fit', async () => {
    const shown = await offered(['tiny', ':files'])
    expect(shown.trim().split('\n').toSorted()).toEqual(['shell', 'tiny', 'words'])
  })
})
