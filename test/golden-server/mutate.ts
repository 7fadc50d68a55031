/**
 * Shows that the golden tests can fail: builds each flaw of mutations.ts into a copy of the sources and runs its tests
 * there. `node test/golden-server/mutate.ts [TEXT]`: only flaws that hold the text. Ends with 1 where one survives.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mutations, type Mutation } from './mutations.ts'

const root = join(import.meta.dirname, '../..')
const copy = mkdtempSync(join(tmpdir(), 'baleen-mutate-'))
const wanted = process.argv[2] ?? ''
let survived = 0
try {
  for (const part of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
    cpSync(join(root, part), join(copy, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  for (const mutation of mutations.filter(({ flaw }) => flaw.includes(wanted))) {
    const caught = tryOut(mutation)
    if (caught === null) survived++
    console.log(
      `${caught === null ? '✗ survives' : '✓'} ${mutation.flaw}\n    ${caught ?? mutation.file}`,
    )
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(survived === 0 ? 'every flaw is caught' : `${survived} flaws survive`)
process.exitCode = survived === 0 ? 0 : 1

/** The test that caught it; null: none did. */
function tryOut({ file, find, put, tests }: Mutation): string | null {
  const path = join(copy, file)
  const text = readFileSync(path, 'utf8')
  if (text.split(find).length !== 2) throw new Error(`${file} holds not exactly one "${find}"`)
  writeFileSync(
    path,
    text.replace(find, () => put),
  )
  try {
    const run = spawnSync(
      process.execPath,
      [
        join(root, 'node_modules/vitest/vitest.mjs'),
        'run',
        '--project=unit',
        '--bail=1',
        '--reporter=json',
        ...tests,
      ],
      { cwd: copy, encoding: 'utf8', timeout: 180_000 },
    )
    const report = JSON.parse(run.stdout.slice(run.stdout.indexOf('{"'))) as {
      testResults: { message: string; assertionResults: { status: string; fullName: string }[] }[]
    }
    const failed = report.testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .find(({ status }) => status === 'failed')
    return run.status === 0 ? null : (failed?.fullName ?? 'the file does not load')
  } finally {
    writeFileSync(path, text)
  }
}
