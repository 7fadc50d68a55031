/**
 * Shows that the golden tests can fail: builds each flaw of mutations.ts into a copy of the sources and runs its tests
 * there. `node test/golden-server/mutate.ts [TEXT]`: only flaws that hold the text. Ends with 1 where one survives.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
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
  const chosen = mutations.filter(({ flaw }) => flaw.includes(wanted))
  const sound = runTests([...new Set(chosen.flatMap(({ tests }) => tests))])
  if (sound !== null) throw new Error(`"${sound}" fails without any flaw`)
  for (const mutation of chosen) {
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
    return runTests(tests)
  } finally {
    writeFileSync(path, text)
  }
}

/** The first test that fails; null: none. */
function runTests(tests: readonly string[]): string | null {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const flags = ['--project=unit', '--bail=1', '--reporter=json', '--outputFile=report.json']
  const reportPath = join(copy, 'report.json')
  rmSync(reportPath, { force: true })
  const run = spawnSync(process.execPath, [vitest, 'run', ...flags, ...tests], {
    cwd: copy,
    encoding: 'utf8',
    timeout: 300_000,
  })
  if (run.status === 0) return null
  if (!existsSync(reportPath)) return 'the tests do not end'
  const report = JSON.parse(readFileSync(reportPath, 'utf8')) as {
    testResults: { assertionResults: { status: string; fullName: string }[] }[]
  }
  const failed = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .find(({ status }) => status === 'failed')
  return failed?.fullName ?? 'a file does not load'
}
