import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** `file: message` of everything the layer rules say about the fixture, which breaks each on purpose. */
function complaints(): string[] {
  const fixture = join(root, 'test/fixtures/lint')
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/oxlint/bin/oxlint'),
      '-c',
      'layers-only.json',
      '--format=json',
      '--no-ignore',
      'src',
    ],
    { cwd: fixture, encoding: 'utf8' },
  )
  const report = JSON.parse(stdout || stderr) as {
    diagnostics: { filename: string; message: string }[]
  }
  return report.diagnostics.map(({ filename, message }) => `${filename}: ${message}`)
}

describe('layer rules', () => {
  const found = complaints()

  it.each([
    [
      'policy that imports its shell',
      /downward\.ts: src\/gateway\/policy\/downward\.ts may not import src\/gateway\/http/,
    ],
    [
      'a shell that imports an adapter',
      /relay\.ts: src\/gateway\/http\/relay\.ts may not import src\/engines\/embedded/,
    ],
    ['policy that reads a file', /impure\.ts: import of node:fs/],
    ['policy that reads the clock', /impure\.ts: Date\.now/],
    ['policy that throws dice', /impure\.ts: Math\.random/],
    ['policy that looks at its process', /impure\.ts: process\.pid/],
  ])('catch %s', (_, expected) => {
    expect(found.some((line) => expected.test(line))).toBe(true)
  })

  it('leave what is allowed alone', () => {
    expect(found).toHaveLength(6)
  })
})
