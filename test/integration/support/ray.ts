import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { cached, has } from './tools.ts'

const packages = 'ray[serve]==2.60.0'

/** The Python of a virtual environment with Ray, made once. Scripts of the environment name the path where it was made. */
export function rayProgram(): { path: string } | { missing: string } {
  if (!has('python3')) return { missing: 'python3 is not there' }
  try {
    return { path: join(cached('ray', packages, install), 'bin', 'python') }
  } catch (thrown) {
    return { missing: `Ray can not be installed: ${(thrown as Error).message.slice(0, 200)}` }
  }
}

function install(path: string): void {
  execFileSync('python3', ['-m', 'venv', path], { stdio: 'pipe', timeout: 120_000 })
  const python = join(path, 'bin', 'python')
  execFileSync(python, ['-m', 'pip', 'install', '-q', packages], {
    stdio: 'pipe',
    timeout: 900_000,
  })
}
