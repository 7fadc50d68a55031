import { type WriteFileOptions, writeFileSync } from 'node:fs'
import { usageError } from './command.ts'

/** Writes what somebody asked to have in a file. Error: `cli/usage` where it can't be written. */
export function writeAskedFile(path: string, text: string, options: WriteFileOptions = {}): void {
  try {
    writeFileSync(path, text, options)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw usageError(
      `can't write ${path}${code === 'ENOENT' ? ': its folder is not there' : ` (${code})`}`,
      'Name a file in a folder that you may write to.',
    )
  }
}
