/**
 * Everything a change has to pass, in the order in which it fails fastest: types, lint (with the layers), format,
 * dead code, then all tests. Closes with the test runner's own count.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)
const report = join(mkdtempSync(join(tmpdir(), 'baleen-check-')), 'report.json')

interface Step {
  readonly name: string
  readonly argv: readonly [string, ...string[]]
}

const steps: readonly Step[] = [
  { name: 'types', argv: ['tsc', '--noEmit'] },
  { name: 'lint', argv: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'format', argv: ['oxfmt', '--check'] },
  { name: 'dead code', argv: ['knip'] },
  {
    name: 'tests',
    argv: ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
  },
]

let failed = 0
for (const step of steps) {
  const startedAtMs = performance.now()
  const [command, ...parameters] = step.argv
  const { status, error } = spawnSync(join(root, 'node_modules/.bin', command), parameters, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  const isPassed = status === 0
  if (!isPassed) failed++
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
  console.log(
    `${isPassed ? '✓' : '✗'} ${step.name} (${seconds} s)${error ? `: ${error.message}` : ''}`,
  )
  // A type error makes every later complaint noise.
  if (!isPassed && step.name === 'types') break
}

const counts = readCounts()
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
rmSync(dirname(report), { recursive: true, force: true })
process.exit(failed > 0 || counts.failed > 0 || counts.passed === 0 ? 1 : 0)

function readCounts(): { passed: number; failed: number; skipped: number } {
  try {
    const parsed = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>
    return {
      passed: parsed['numPassedTests'] ?? 0,
      failed: parsed['numFailedTests'] ?? 0,
      skipped: (parsed['numPendingTests'] ?? 0) + (parsed['numTodoTests'] ?? 0),
    }
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
}
