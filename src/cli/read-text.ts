import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { AppError } from '../core/errors.ts'
import type { Io } from './io.ts'

/** A file given on the command line; `-` is stdin. Error: `config/unreadable`. */
export async function readText(file: string, io: Io): Promise<string> {
  if (file !== '-')
    return readFile(resolve(io.workingDirectory, file), 'utf8').catch((thrown: unknown) => {
      throw new AppError('config/unreadable', {
        message: `can't read ${file}: ${(thrown as Error).message}`,
        hint: 'Check the path given with --file.',
        cause: thrown,
      })
    })
  const chunks: Buffer[] = []
  for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}
