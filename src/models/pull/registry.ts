import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { AppError } from '../../core/errors.ts'

/** The registry that npm itself would use: environment, project, user and global settings, in npm's own order. */
export async function npmRegistry(signal: AbortSignal | undefined): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('npm', ['config', 'get', 'registry'], {
      timeout: 20_000,
      // On Windows npm is a script.
      shell: process.platform === 'win32',
      ...(signal ? { signal } : {}),
    })
    const answer = stdout.trim()
    if (URL.canParse(answer)) return answer
  } catch (thrown) {
    signal?.throwIfAborted()
    throw unknownRegistry(thrown)
  }
  throw unknownRegistry()
}

const unknownRegistry = (cause?: unknown) =>
  new AppError('model/download-failed', {
    message: '`npm config get registry` does not say where packages come from',
    hint: 'Install npm, or mend its registry setting.',
    cause,
  })
